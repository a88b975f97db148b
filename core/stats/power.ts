/**
 * How many observations a comparison of two means needs, or what it can see with those it has: two-sided, one look at the
 * end, by the normal approximation (Cohen 1988, chapter 2, with the normal distribution in the place of noncentral t), which
 * asks for about one too few per arm: z²/4, Guenther (The American Statistician 35, 1981).
 */
import { invariant } from '../invariant.ts';
import type { Arms } from './arms.ts';
import { normalCdf, normalQuantile } from './distribution.ts';

export interface EffectAndLevel {
  /** Difference of the means over the standard deviation of an observation; its sign does not matter. */
  readonly effectSize: number;
  /** Chance of an alarm when there is no difference, inside (0, 1). */
  readonly alpha?: number;
}

/** Chance, from alpha to 1, that an effect is found with so many observations in each arm; each count > 0. */
export function powerOf(counts: Arms<number>, { effectSize, alpha = 0.05 }: EffectAndLevel): number {
  const critical = normalQuantile(alpha / 2);
  const shift = effectSize / Math.sqrt(1 / counts.control + 1 / counts.treatment);
  return normalCdf(critical + shift) + normalCdf(critical - shift);
}

/** The fewest observations per arm, equal arms, for `power`, inside (alpha, 1), to find an effect other than 0. */
export function sampleSizePerArm({
  effectSize,
  alpha = 0.05,
  power = 0.8,
}: EffectAndLevel & { readonly power?: number }): number {
  invariant(effectSize !== 0, 'no number of observations finds an effect of nothing');
  invariant(power > alpha && power < 1, 'power lies inside (alpha, 1)');
  const isEnough = (count: number): boolean =>
    powerOf({ control: count, treatment: count }, { effectSize, alpha }) >= power;
  // Without the far tail, which only helps, this many would do: 2 ((z₁₋α⸝₂ + z_power) / d)².
  const sum = normalQuantile(power) - normalQuantile(alpha / 2);
  let [tooFew, enough] = [0, Math.ceil(2 * (sum / effectSize) ** 2)];
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
