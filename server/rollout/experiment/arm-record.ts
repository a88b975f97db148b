/** What one version did, in bounded space: counts, and the quality of its units. */
import { type Outcome, qualityOf } from './observation.ts';
import { addRating, noQuality, type QualitySums } from './quality-sums.ts';
import { markFirst, type UnitEntry } from './unit-table.ts';

export interface Tally {
  /** Answers and failures. */
  requests: number;
  failures: number;
  corrections: number;
  /** Ratings and corrections. */
  judgements: number;
  units: number;
  /** Units with a failure, or with a correction. */
  failedUnits: number;
  correctedUnits: number;
}

export interface ArmState {
  readonly tally: Tally;
  readonly quality: QualitySums;
}

export const newArm = (): ArmState => ({
  tally: {
    requests: 0,
    failures: 0,
    corrections: 0,
    judgements: 0,
    units: 0,
    failedUnits: 0,
    correctedUnits: 0,
  },
  quality: noQuality(),
});

/** What a unit did for the first time. */
export type News = 'failed' | 'corrected' | null;

/** Counts an outcome, in `arm` and in the entry of its unit. */
export function recordOutcome(arm: ArmState, entry: UnitEntry, outcome: Outcome): News {
  countOutcome(arm.tally, outcome);
  switch (outcome.kind) {
    case 'answer':
      entry.answers += 1;
      return null;
    case 'failure':
      return isFirst(arm.tally, entry, 'failed') ? 'failed' : null;
    default:
      addRating(arm.quality, entry, qualityOf(outcome), outcome.earlier);
      return outcome.kind === 'correction' && isFirst(arm.tally, entry, 'corrected') ? 'corrected' : null;
  }
}

/** Counts it without regard to its unit. */
export function countOutcome(tally: Tally, { kind }: Outcome): void {
  if (kind === 'answer' || kind === 'failure') tally.requests += 1;
  else tally.judgements += 1;
  if (kind === 'failure') tally.failures += 1;
  if (kind === 'correction') tally.corrections += 1;
}

function isFirst(tally: Tally, entry: UnitEntry, what: 'failed' | 'corrected'): boolean {
  if (!markFirst(entry, what)) return false;
  tally[`${what}Units`] += 1;
  return true;
}
