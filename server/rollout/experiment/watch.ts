/**
 * The guard of a version that serves everybody at once: what is observed since, against what was usual before. Nothing was
 * split at random here, so that it looks for gross harm and lets go after a while.
 */
import type { Interval } from '../../../core/stats/arms.ts';
import type { Tally } from './arm-record.ts';
import { type FailureRunState, judgedRun, withContrast, withFailure, withoutBlame } from './failure-run.ts';
import { type Harm, harmOf } from './harm.ts';
import type { Answer, Outcome } from './observation.ts';
import { isTimed, Period } from './period.ts';
import { narrowed } from './quality-comparison.ts';
import {
  type ForEachEvent,
  type Latency,
  latencies,
  pValuesOf,
  type Wagers,
  wagerStates,
  wagersFrom,
} from './unit-wagers.ts';
import type { WatchOptions, WatchState } from './watch-state.ts';

export interface WatchVerdict {
  readonly kind: 'continue' | 'settled' | 'rollback';
  readonly reason: Harm | 'running' | 'harmless';
  /** Null while it continues. */
  readonly evidence: WatchEvidence | null;
}

/** For the report. Shares are of units. */
export interface WatchEvidence {
  readonly usual: Tally;
  readonly since: Tally;
  /** Share of units that were to be expected to fail, or be corrected, at most. */
  readonly expected: Readonly<Record<'failed' | 'corrected', number>>;
  readonly pValues: ForEachEvent<number>;
  readonly difference: Interval;
}

/** No version is suspected for less, however good the one before was. */
const minExpected = { failed: 0.02, corrected: 0.05 } as const;
/** Units without events that a version is credited with of which nothing was observed. */
const credit = 50;
/** Latencies of about the same load that a slow one is told by. */
const minWindow = 32;
/**
 * Slow is what would still belong to the slowest quarter of what was usual, were it faster by the factor. Not to the slowest
 * twentieth: few answers would say less, and one long conversation as much as a slow version.
 */
const slowShare = 0.25;

/** About the upper end of a 95 % interval for the rate of `events`, by the Poisson distribution's variance. */
const highestShare = (events: number, units: number, least: number): number =>
  Math.max(least, Math.min(0.9, (events + 1 + 1.645 * Math.sqrt(events + 1)) / (units + credit)));

export class Watch {
  readonly startedMs: number;
  readonly options: WatchOptions;
  /** What was observed since; to be absorbed into what is usual when the watch lets go. */
  readonly since: Period;
  private readonly usual: Period;
  private readonly wagers: Wagers;
  private readonly expected: Readonly<Record<'failed' | 'corrected', number>>;
  private run: FailureRunState;
  private difference: Interval;

  /** Takes `state` over: it is not to be used any more. */
  constructor(state: WatchState) {
    this.startedMs = state.startedMs;
    this.options = state.options;
    this.usual = new Period(state.usual);
    this.since = new Period(state.since);
    this.wagers = wagersFrom(state.wagers);
    const { units, failedUnits, correctedUnits } = state.usual.tally;
    this.expected = {
      failed: highestShare(failedUnits, units, minExpected.failed),
      corrected: highestShare(correctedUnits, units, minExpected.corrected),
    };
    this.run = state.run;
    this.difference = state.difference;
  }

  /** Takes an outcome of the version that is watched, and says at once what follows. */
  record(outcome: Outcome, nowMs: number): WatchVerdict {
    const { entry, isNewUnit, news } = this.since.record(outcome);
    // Each unit is a bet on nothing, until it fails or is corrected.
    if (isNewUnit)
      for (const event of ['failed', 'corrected'] as const)
        this.wagers[event].bet('nothing', this.expected[event]);
    if (news !== null) this.wagers[news].reveal();
    if (outcome.kind === 'answer' && isTimed(entry)) this.time(outcome);
    if (outcome.kind === 'rating' || outcome.kind === 'correction') this.compareQuality();
    else this.follow(outcome);
    return this.verdict(nowMs);
  }

  verdict(nowMs: number): WatchVerdict {
    const harm = this.harm();
    if (harm !== null) return { kind: 'rollback', reason: harm, evidence: this.evidence() };
    const { minMs, maxMs, minRequests } = this.options;
    const elapsedMs = nowMs - this.startedMs;
    const isOver = elapsedMs >= maxMs || (elapsedMs >= minMs && this.since.tally.requests >= minRequests);
    if (!isOver) return { kind: 'continue', reason: 'running', evidence: null };
    return { kind: 'settled', reason: 'harmless', evidence: this.evidence() };
  }

  evidence(): WatchEvidence {
    return {
      usual: { ...this.usual.tally },
      since: { ...this.since.tally },
      expected: this.expected,
      pValues: pValuesOf(this.wagers),
      difference: this.difference,
    };
  }

  state(): WatchState {
    return {
      format: 1,
      ...{ startedMs: this.startedMs, options: this.options },
      ...{ usual: this.usual.state(), since: this.since.state() },
      wagers: wagerStates(this.wagers),
      ...{ run: this.run, difference: this.difference },
    };
  }

  private harm(): Harm | null {
    const { wagers, run, difference } = this;
    // That an answer was slow says here already that it was too slow.
    return harmOf({ levels: this.options.levels, wagers, run, difference }, () => true);
  }

  private follow({ kind, unit }: Outcome): void {
    const { requests, failures } = this.usual.tally;
    if (kind === 'answer') this.run = withoutBlame(this.run);
    // The version before is the contrast: it did not fail so often.
    else if (failures <= this.options.maxHealthyFailures * requests)
      this.run = judgedRun(withContrast(withFailure(this.run, unit)), this.options.maxFailuresInRow);
  }

  private time(answer: Answer): void {
    for (const latency of latencies) this.timeOne(latency, answer[`${latency}Ms`], answer.load);
  }

  private timeOne(latency: Latency, valueMs: number | null, load: number): void {
    const window = this.usual[latency].at(load);
    if (valueMs === null || window.count < minWindow) return;
    const isSlow = window.isSlow(valueMs / this.options.maxLatencyFactor, slowShare);
    this.wagers[latency].bet(isSlow ? 'event' : 'nothing', window.chanceOfSlow(slowShare));
  }

  private compareQuality(): void {
    const { levels, minRatedUnits } = this.options;
    const sums = { control: this.usual.quality, treatment: this.since.quality };
    this.difference = narrowed(this.difference, sums, { alpha: levels.quality, minPerArm: minRatedUnits });
  }
}
