/** A watch as a plain value: as it begins, and as it is stored. */
import type { Interval } from '../../../core/stats/arms.ts';
import { type FailureRunState, noRun } from './failure-run.ts';
import { experimentDefaults, type HarmBounds } from './options.ts';
import { newPeriod, type PeriodState } from './period.ts';
import { anyDifference } from './quality-comparison.ts';
import { newWagers, type WagerStates } from './unit-wagers.ts';

export interface WatchOptions extends HarmBounds {
  /** It lets go after this and `minRequests`, or else at the end. */
  readonly minMs: number;
  readonly minRequests: number;
  readonly maxMs: number;
}

export const watchDefaults: WatchOptions = {
  ...experimentDefaults,
  minMs: 10 * 60_000,
  minRequests: 20,
};

/** A plain value, fit to be stored as JSON: at most about 150 kB. */
export interface WatchState {
  readonly format: 1;
  /** Milliseconds since 1970: when the alias moved. */
  readonly startedMs: number;
  readonly options: WatchOptions;
  readonly usual: PeriodState;
  readonly since: PeriodState;
  readonly wagers: WagerStates;
  readonly run: FailureRunState;
  /** What the difference of mean quality, since less usual, may still be. */
  readonly difference: Interval;
}

export interface WatchStart {
  /** What was observed before: see `Period.state`. */
  readonly usual: PeriodState;
  readonly startedMs: number;
  readonly options?: Partial<WatchOptions>;
}

export const newWatch = ({ usual, startedMs, options = {} }: WatchStart): WatchState => ({
  format: 1,
  ...{ startedMs, usual, options: { ...watchDefaults, ...options } },
  since: newPeriod(),
  wagers: newWagers(),
  run: noRun,
  difference: anyDifference,
});
