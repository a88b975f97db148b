/**
 * What an experiment is held to, and why. The levels add up to 0.05 with the 0.005 of split-check.ts: it is the chance that
 * an experiment without any difference ends in a rollback for harm, or in a promotion for being better, however often it
 * is looked at.
 */
import { invariant } from '../../../core/invariant.ts';

/** Chance of a false alarm of one kind, each inside (0, ½). */
export interface AlarmLevels {
  /** Of the difference in quality, either way. */
  readonly quality: number;
  readonly failures: number;
  readonly corrections: number;
  /** Of time to first token and of time per token, each. */
  readonly latency: number;
}

export interface HarmBounds {
  readonly levels: AlarmLevels;
  /**
   * So many times the other version's 95th percentile is too slow. Kayenta takes 1.25 about a Hodges-Lehmann estimate,
   * which varies less than a percentile.
   */
  readonly maxLatencyFactor: number;
  /** So many failures in a row, see failure-run.ts, while the other version fails in at most `maxHealthyFailures` of requests. */
  readonly maxFailuresInRow: number;
  readonly maxHealthyFailures: number;
  /** Units with a rating that each arm needs before quality is compared: see core/stats/sequential.ts. */
  readonly minRatedUnits: number;
}

export interface ExperimentOptions extends HarmBounds {
  /** Answers of the canary before anything is said of latency: from twenty on, a 95th percentile lies between two of them. */
  readonly minAnswers: number;
  /** Nobody is promoted for quality before: traffic of a quarter of an hour is not that of one burst. */
  readonly minMs: number;
  /** The end. */
  readonly maxMs: number;
  /** What happens then to a version that has done no harm. Those that come here passed the gate. */
  readonly atTimeout: 'promote' | 'rollback';
  /**
   * A quality that is certainly not lower by more than this, on the scale from -1 to 1, is good enough. One tenth of the
   * scale: at a standard deviation of 0.6, a third of it, d = ⅓.
   */
  readonly qualityMargin: number;
}

/**
 * How much it takes to see a difference, as detection.test.ts bounds it.
 *
 * Quality, in rated units per arm. One look at the end, level 0.05, power 0.8, by core/stats/power.ts: 63 for d = 0.5, 393
 * for d = 0.2. With a look at every rating at the level 0.025: a median of under 100 and of under 450.
 *
 * Events, in requests of a canary with 10 % of traffic, median: every request fails, 3; 10 % instead of 1 % fail, 52; a token
 * takes twice as long, 21; 20 % instead of 2 % are corrected, 30. With 50 % the canary takes two to four times as many, since it
 * then says less that an event is the canary's, and both versions together take fewer.
 */
export const experimentDefaults: ExperimentOptions = {
  levels: { quality: 0.025, failures: 0.01, corrections: 0.005, latency: 0.0025 },
  maxLatencyFactor: 1.5,
  minAnswers: 20,
  maxFailuresInRow: 3,
  maxHealthyFailures: 0.02,
  minRatedUnits: 50,
  minMs: 15 * 60_000,
  maxMs: 24 * 3_600_000,
  atTimeout: 'promote',
  qualityMargin: 0.2,
};

/** Throws when the options contradict themselves. */
export function checkOptions({ levels, minMs, maxMs, qualityMargin }: ExperimentOptions): void {
  const all = [levels.quality, levels.failures, levels.corrections, levels.latency];
  invariant(
    all.every((level) => level > 0 && level < 0.5),
    'a level lies inside (0, ½)',
  );
  invariant(minMs >= 0 && minMs <= maxMs && qualityMargin >= 0, 'an experiment ends after it may');
}
