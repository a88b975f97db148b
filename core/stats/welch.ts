/**
 * Welch's test of two means whose variances may differ (Biometrika 34, 1947). For an experiment that has ended: who looks
 * before and stops when it pleases uses sequential.ts.
 */
import { invariant } from '../invariant.ts';
import { type Arms, haveVariance, type Interval, intervalAround, meanDifference } from './arms.ts';
import { studentQuantile, studentTwoSided } from './distribution.ts';

export interface WelchTest {
  /** Treatment less control, in the unit of the observations. */
  readonly estimate: number;
  /** Holds the true difference with probability 1 - alpha. */
  readonly interval: Interval;
  /** Estimate over its standard error. */
  readonly t: number;
  /** Welch and Satterthwaite's; between the smaller count less 1 and the sum of counts less 2. */
  readonly degrees: number;
  /** Two-sided, in [0, 1]. */
  readonly pValue: number;
}

/** Null when an arm has fewer than two observations or neither arm varies; `alpha` lies inside (0, 1). */
export function welchTest(arms: Arms, { alpha = 0.05 }: { readonly alpha?: number } = {}): WelchTest | null {
  invariant(alpha > 0 && alpha < 1, 'alpha lies inside (0, 1)');
  if (!haveVariance(arms)) return null;
  const { control, treatment } = arms;
  const [ofControl, ofTreatment] = [control.variance / control.count, treatment.variance / treatment.count];
  const squaredError = ofControl + ofTreatment;
  if (squaredError === 0) return null;
  // As shares of their sum, so that tiny variances do not vanish when squared.
  const [share, rest] = [ofControl / squaredError, ofTreatment / squaredError];
  const degrees = 1 / (share ** 2 / (control.count - 1) + rest ** 2 / (treatment.count - 1));
  const [estimate, error] = [meanDifference(arms), Math.sqrt(squaredError)];
  return {
    estimate,
    interval: intervalAround(estimate, -studentQuantile(alpha / 2, degrees) * error),
    t: estimate / error,
    degrees,
    pValue: studentTwoSided(estimate / error, degrees),
  };
}
