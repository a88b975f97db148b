/**
 * A comparison of two means that may be looked at after every observation and stopped at any of them: an asymptotic
 * confidence sequence, Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
 * confidence sequences" (Annals of Statistics 52, 2024), theorem 2.2.
 */
import { invariant } from '../invariant.ts';
import { type Arms, type Interval, intervalAround, meanDifference } from './arms.ts';
import { type Moments, mergeMoments } from './summary.ts';

export interface SequenceShape {
  /** Chance that the truth is ever outside, inside (0, ½). */
  readonly alpha: number;
  /** Observations, > 0, near which the interval is to be as narrow as it can be; before and after it is wider. */
  readonly tightestAt: number;
}

/**
 * Half the width of the confidence sequence of a mean, after `count` > 0 observations that vary by `variance`:
 * √((nρ²+1)/(n²ρ²) · v · ln((nρ²+1)/α²)), with ρ² = (-2 ln α + ln(-2 ln α) + 1) / tightestAt, the approximation of the
 * paper's appendix. With R = ρ/√v it reads √((nvR²+1)/(n²R²) · ln((nvR²+1)/α²)). `count` need not be whole.
 */
export function sequentialMargin(
  { count, variance }: Pick<Moments, 'count' | 'variance'>,
  { alpha, tightestAt }: SequenceShape,
): number {
  invariant(alpha > 0 && alpha < 0.5 && tightestAt > 0, 'alpha lies inside (0, ½), tightestAt above 0');
  const doubt = -2 * Math.log(alpha);
  const rhoSquared = (doubt + Math.log(doubt) + 1) / tightestAt;
  const grown = count * rhoSquared + 1;
  return Math.sqrt(((grown * variance) / (count * count * rhoSquared)) * Math.log(grown / alpha ** 2));
}

export interface SequentialOptions extends Partial<SequenceShape> {
  /** Which way is good: up for a rating, down for a latency. */
  readonly better: 'higher' | 'lower';
  /**
   * Nothing is said before each arm has as many: the theorem is about large counts. The default keeps to alpha when the
   * arms are alike; a treatment of few and much more skewed observations than the control's needs about 200.
   */
  readonly minPerArm?: number;
}

/** `estimate` is treatment less control, in the unit of the observations; null while nothing can be said. */
export type SequentialVerdict =
  | {
      readonly verdict: 'better' | 'worse' | 'undecided';
      readonly estimate: number;
      readonly interval: Interval;
    }
  | { readonly verdict: 'undecided'; readonly estimate: null; readonly interval: null };

/**
 * With probability 1 - alpha the interval holds the true difference at every look. A verdict is given when 0 is outside, and
 * the first one counts. Defaults: alpha 0.05, narrowest at 100 per arm, nothing before 50 per arm.
 *
 * Two arms count as n = (v₁+v₂)/D pairs whose differences vary by v₁+v₂, where D = v₁/n₁ + v₂/n₂; equal arms of n are n
 * pairs. This is the paper's case since the estimate's error over D is close to a Brownian motion at time 1/D, however n₁
 * and n₂ have grown: the errors at two looks have the later D as covariance. So the split of traffic may change with time,
 * but not in answer to what is observed.
 */
export function sequentialTest(
  arms: Arms,
  { alpha = 0.05, tightestAt = 100, minPerArm = 50, better }: SequentialOptions,
): SequentialVerdict {
  const { control, treatment } = arms;
  const unknown = { verdict: 'undecided', estimate: null, interval: null } as const;
  if (Math.min(control.count, treatment.count) < Math.max(1, minPerArm)) return unknown;
  const [v1, v2] = cautiousVariances(arms);
  const variance = v1 + v2;
  if (variance === 0) return unknown;
  const count = variance / (v1 / control.count + v2 / treatment.count);
  const estimate = meanDifference(arms);
  const margin = sequentialMargin({ count, variance }, { alpha, tightestAt });
  const interval = intervalAround(estimate, margin);
  if (Math.abs(estimate) <= margin) return { verdict: 'undecided', estimate, interval };
  const direction = estimate > 0 ? 'higher' : 'lower';
  return { verdict: direction === better ? 'better' : 'worse', estimate, interval };
}

/**
 * No less than the variance of all observations together, which is each arm's when the version makes no difference. Else a
 * small arm that has not met a rare outcome yet would seem certain: at 5 % of traffic and a rate of 0.02, a third of the
 * simulated tests raised a false alarm. An effect of d widens the interval of equal arms by about d²/8 of itself.
 */
function cautiousVariances(arms: Arms): readonly [control: number, treatment: number] {
  const { control, treatment } = arms;
  const together = mergeMoments(control, treatment).variance;
  return [Math.max(control.variance, together), Math.max(treatment.variance, together)];
}
