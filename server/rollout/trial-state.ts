/** What a trial knows as a plain value: as it is stored, and as it is taken up again. */
import { Experiment } from './experiment/experiment.ts';
import type { ExperimentState } from './experiment/experiment-state.ts';
import { Period, type PeriodState } from './experiment/period.ts';
import { restoreExperiment, restorePeriod, restoreWatch } from './experiment/restore.ts';
import { Watch } from './experiment/watch.ts';
import type { WatchState } from './experiment/watch-state.ts';
import { newParts, type Standing, type TrialParts } from './trial-parts.ts';

/** A plain value, fit to be stored as JSON: at most about 300 kB. */
export interface TrialState {
  readonly format: 1;
  readonly standing: Standing | null;
  readonly waiting: string | null;
  /** Null while there is a guard, whose state holds it. */
  readonly usual: PeriodState | null;
  readonly guard: { readonly watch: WatchState; readonly against: string | null } | null;
  readonly challenge: { readonly experiment: ExperimentState; readonly against: string | null } | null;
}

export function stateOf({ standing, waiting, usual, guard, challenge }: TrialParts): TrialState {
  return {
    format: 1,
    standing,
    waiting,
    usual: guard === null ? usual.state() : null,
    guard: guard && { watch: guard.watch.state(), against: guard.against },
    challenge: challenge && { experiment: challenge.experiment.state(), against: challenge.against },
  };
}

export interface Restored {
  readonly parts: TrialParts;
  /** What could not be used, and begins anew. */
  readonly problems: readonly string[];
}

/** Parts out of JSON that an earlier process wrote. What is unusable costs itself, and what cannot stand without it. */
export function restoreParts(json: unknown): Restored {
  const parts = newParts();
  if (!isRecord(json) || json.format !== 1 || !isStanding(json.standing) || !isName(json.waiting))
    return { parts, problems: ['it is not the state of a trial'] };
  parts.standing = json.standing;
  parts.waiting = json.waiting;
  const problems = [...restoreGuard(json, parts), ...restoreChallenge(json, parts)];
  return { parts, problems };
}

function restoreGuard({ guard, usual }: Fields, parts: TrialParts): string[] {
  if (guard === null) {
    const period = restorePeriod(usual);
    if (!(period instanceof Period)) return [`what is usual: ${period.problem}`];
    parts.usual = period;
    return [];
  }
  if (!isRecord(guard) || !isName(guard.against) || (parts.standing?.stable ?? null) === null)
    return ['the watch: it does not say of what it is'];
  const watch = restoreWatch(guard.watch);
  if (!(watch instanceof Watch)) return [`the watch: ${watch.problem}`];
  parts.usual = new Period(watch.state().usual);
  parts.guard = { watch, against: guard.against };
  return [];
}

function restoreChallenge({ challenge }: Fields, parts: TrialParts): string[] {
  if (challenge === null) return [];
  if (!isRecord(challenge) || !isName(challenge.against))
    return ['the experiment: it does not say what it compares with'];
  const experiment = restoreExperiment(challenge.experiment);
  if (!(experiment instanceof Experiment)) return [`the experiment: ${experiment.problem}`];
  parts.challenge = { experiment, against: challenge.against };
  return [];
}

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isName = (value: unknown): value is string | null => value === null || typeof value === 'string';
const isStanding = (value: unknown): value is Standing | null =>
  value === null || (isRecord(value) && typeof value.base === 'string' && isName(value.stable));
