/** What a trial is made of, and what can be said of each part. */
import { invariant } from '../../core/invariant.ts';
import type { Experiment } from './experiment/experiment.ts';
import { Period } from './experiment/period.ts';
import { evidenceOf } from './experiment/verdict.ts';
import type { Watch, WatchEvidence } from './experiment/watch.ts';

/** Where stable pointed when it was last looked at, on which base. */
export interface Standing {
  readonly base: string;
  readonly stable: string | null;
}

/** `against` is the version before, or beside. */
export interface Guard {
  readonly watch: Watch;
  readonly against: string | null;
}

export interface Challenge {
  readonly experiment: Experiment;
  readonly against: string | null;
}

export interface TrialParts {
  standing: Standing | null;
  /** Published while another one is tried out. */
  waiting: string | null;
  /** Of the versions before the one that is watched. */
  usual: Period;
  guard: Guard | null;
  challenge: Challenge | null;
}

export const newParts = (): TrialParts => ({
  standing: null,
  waiting: null,
  usual: new Period(),
  guard: null,
  challenge: null,
});

/** Above, nothing speaks against what was observed. */
const unsuspicious = 0.1;

/** Of a conclusion, what it is about. */
export const ofCanary = ({ experiment, against }: Challenge) => ({
  trial: 'canary' as const,
  version: experiment.id,
  against,
  startedMs: experiment.startedMs,
  evidence: evidenceOf(experiment),
});

/** `version` is the one that is watched. */
export function ofWatch({ watch, against }: Guard, version: string | null) {
  invariant(version !== null, 'the base alone is not watched');
  const { startedMs } = watch;
  return { trial: 'watch' as const, version, against, startedMs, evidence: watch.evidence() };
}

/** Versions that follow each other faster than watches end still become what is usual, when they did no harm. */
export const isFine = ({ pValues, since, expected }: WatchEvidence): boolean =>
  Object.values(pValues).every((pValue) => pValue > unsuspicious) &&
  since.failedUnits <= expected.failed * since.units;
