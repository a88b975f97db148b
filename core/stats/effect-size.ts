/** How large a difference of means is beside the spread of single observations. It has no unit. */
import { invariant } from '../invariant.ts';
import { type Arms, haveVariance, type Interval, intervalAround, meanDifference } from './arms.ts';
import { normalQuantile } from './distribution.ts';
import { logGammaRise } from './special.ts';

/**
 * Cohen's d: treatment less control, over the standard deviation pooled from both arms. Null when an arm has fewer than two
 * observations or neither varies. Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2.
 */
export function cohensD(arms: Arms): number | null {
  if (!haveVariance(arms)) return null;
  const { control, treatment } = arms;
  const degrees = control.count + treatment.count - 2;
  const squares = (control.count - 1) * control.variance + (treatment.count - 1) * treatment.variance;
  return squares === 0 ? null : meanDifference(arms) / Math.sqrt(squares / degrees);
}

/**
 * What takes the bias from Cohen's d with m = `degrees` ≥ 2 of freedom: Γ(m/2) / (√(m/2) Γ((m-1)/2)), inside (0, 1). Source:
 * Hedges (Journal of Educational Statistics 6, 1981), who approximates it by 1 - 3/(4m-1).
 */
export function biasCorrection(degrees: number): number {
  invariant(degrees >= 2, 'the correction takes two degrees of freedom');
  return Math.exp(logGammaRise((degrees - 1) / 2, 0.5)) / Math.sqrt(degrees / 2);
}

export interface EffectSize {
  readonly g: number;
  /** Holds the true effect with a probability of about 1 - alpha. */
  readonly interval: Interval;
}

/**
 * Hedges' g, Cohen's d without its bias, with an interval from the normal distribution and the variance of Borenstein,
 * Hedges, Higgins and Rothstein, "Introduction to Meta-Analysis", 2009, equations 4.20 and 4.24. Null as `cohensD`.
 */
export function hedgesG(arms: Arms, { alpha = 0.05 }: { readonly alpha?: number } = {}): EffectSize | null {
  invariant(alpha > 0 && alpha < 1, 'alpha lies inside (0, 1)');
  const d = cohensD(arms);
  if (d === null) return null;
  const [m, n] = [arms.control.count, arms.treatment.count];
  const correction = biasCorrection(m + n - 2);
  const error = correction * Math.sqrt((m + n) / (m * n) + d ** 2 / (2 * (m + n)));
  const g = correction * d;
  return { g, interval: intervalAround(g, -normalQuantile(alpha / 2) * error) };
}
