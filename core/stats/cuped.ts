/**
 * CUPED: takes from an outcome y what was known before the experiment, x, so that less variance is left. Source: Deng, Xu,
 * Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data" (WSDM
 * 2013), section 3. The version must not be able to influence x.
 */
import type { Arms } from './arms.ts';
import { type Moments, mergeMoments, noMoments, withValue } from './summary.ts';

/** Of pairs (x, y); a plain value, fit to be stored as JSON. */
export interface PairMoments {
  readonly x: Moments;
  readonly y: Moments;
  /** Unbiased, over n - 1; 0 below two pairs. */
  readonly covariance: number;
}

/** The moments of no pairs, to begin with. */
export const noPairs: PairMoments = { x: noMoments, y: noMoments, covariance: 0 };

/** `pairs` and one more, of finite numbers. */
export function withPair(pairs: PairMoments, x: number, y: number): PairMoments {
  const [nextX, nextY] = [withValue(pairs.x, x), withValue(pairs.y, y)];
  if (nextX.count === 1) return { x: nextX, y: nextY, covariance: 0 };
  const products = pairs.covariance * (pairs.x.count - 1) + (x - pairs.x.mean) * (y - nextY.mean);
  return { x: nextX, y: nextY, covariance: products / (nextX.count - 1) };
}

/** The moments of both streams' pairs together. */
export function mergePairs(a: PairMoments, b: PairMoments): PairMoments {
  const [m, n] = [a.x.count, b.x.count];
  const [x, y] = [mergeMoments(a.x, b.x), mergeMoments(a.y, b.y)];
  if (m === 0 || n === 0) return { x, y, covariance: m === 0 ? b.covariance : a.covariance };
  const between = ((b.x.mean - a.x.mean) * (b.y.mean - a.y.mean) * m * n) / (m + n);
  const products = a.covariance * (m - 1) + b.covariance * (n - 1) + between;
  return { x, y, covariance: products / (m + n - 1) };
}

/**
 * cov(y, x) / var(x) within the arms, in units of y per unit of x: pooled, since both must be adjusted alike, and without
 * what lies between their means, which is the effect. 0 while x does not vary.
 */
export function cupedTheta({ control, treatment }: Arms<PairMoments>): number {
  const pooled = (of: (pairs: PairMoments) => number): number =>
    [control, treatment].reduce((sum, pairs) => sum + of(pairs) * Math.max(0, pairs.x.count - 1), 0);
  const spread = pooled((pairs) => pairs.x.variance);
  return spread === 0 ? 0 : pooled((pairs) => pairs.covariance) / spread;
}

/** Moments of y - θ (x - mean of all x), in the unit of y: to be compared by welch.ts or sequential.ts like any others. */
export function cupedArms(arms: Arms<PairMoments>): Arms {
  const theta = cupedTheta(arms);
  const { mean } = mergeMoments(arms.control.x, arms.treatment.x);
  return { control: adjusted(arms.control, theta, mean), treatment: adjusted(arms.treatment, theta, mean) };
}

function adjusted({ x, y, covariance }: PairMoments, theta: number, mean: number): Moments {
  const variance = y.variance - 2 * theta * covariance + theta ** 2 * x.variance;
  // A perfect prediction leaves nothing, and rounding could leave less.
  return { count: y.count, mean: y.mean - theta * (x.mean - mean), variance: Math.max(0, variance) };
}
