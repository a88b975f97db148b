/**
 * Normal, Student's t and chi-square: probabilities and quantiles. Tails keep their relative precision, down to 1e-100.
 * Formulas by number: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964.
 */
import { invariant } from '../invariant.ts';
import { logGammaRise, regularizedBeta, regularizedGammaQ } from './special.ts';

/** Newton's steps end by themselves after about five, but close to the median they may circle around the root. */
const maxSteps = 40;

/** P(Z ≤ z) of the standard normal distribution: 26.2.29 and 6.5.16. */
export function normalCdf(z: number): number {
  const tail = regularizedGammaQ(0.5, (z * z) / 2) / 2;
  return z < 0 ? tail : 1 - tail;
}

const normalDensity = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/** z with P(Z ≤ z) = `probability`, which lies inside (0, 1). */
export function normalQuantile(probability: number): number {
  invariant(probability > 0 && probability < 1, 'a quantile is asked for inside (0, 1)');
  if (probability > 0.5) return -normalQuantile(1 - probability);
  let z = -roughNormalTail(probability);
  // Halley's steps, each of which triples the digits.
  for (let step = 0; step < 3; step++) {
    const off = (normalCdf(z) - probability) / normalDensity(z);
    z -= off / (1 + (z * off) / 2);
  }
  return z;
}

/** z with P(Z > z) = `tail` ≤ ½, to 4.5e-4: 26.2.23. */
function roughNormalTail(tail: number): number {
  const t = Math.sqrt(-2 * Math.log(tail));
  const above = 2.515517 + t * (0.802853 + t * 0.010328);
  const below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return t - above / below;
}

/** P(|T| ≥ |t|) of Student's t with `degrees` of freedom, any number above 0: 26.7.1 and 26.5.27. */
export function studentTwoSided(t: number, degrees: number): number {
  const sum = degrees + t * t;
  return regularizedBeta({ a: degrees / 2, b: 0.5, x: degrees / sum, y: (t * t) / sum });
}

/** P(T ≤ t) of Student's t with `degrees` of freedom, any number above 0. */
export function studentCdf(t: number, degrees: number): number {
  const tail = studentTwoSided(t, degrees) / 2;
  return t < 0 ? tail : 1 - tail;
}

/** Density of Student's t: 26.7.1. */
function studentDensity(t: number, degrees: number): number {
  const scale = Math.exp(logGammaRise(degrees / 2, 0.5)) / Math.sqrt(degrees * Math.PI);
  return scale * Math.exp((-(degrees + 1) / 2) * Math.log1p((t * t) / degrees));
}

/** t with P(T ≤ t) = `probability`, inside (0, 1), for `degrees` of freedom, any number from 1. */
export function studentQuantile(probability: number, degrees: number): number {
  invariant(probability > 0 && probability < 1, 'a quantile is asked for inside (0, 1)');
  if (probability > 0.5) return -studentQuantile(1 - probability, degrees);
  if (probability === 0.5) return 0;
  let t = -normalQuantile(probability);
  // Newton on ln P(T > t) over ln t, which is concave and falls: from the second step on, t comes from one side.
  for (let step = 0; step < maxSteps; step++) {
    const tail = studentTwoSided(t, degrees) / 2;
    const change = (tail / (t * studentDensity(t, degrees))) * Math.log(tail / probability);
    t *= Math.exp(change);
    if (Math.abs(change) <= 4 * Number.EPSILON) break;
  }
  return -t;
}

/** P(X ≥ x) of chi-square with `degrees` > 0 of freedom, x ≥ 0: 26.4.19. */
export const chiSquareSurvival = (x: number, degrees: number): number =>
  regularizedGammaQ(degrees / 2, x / 2);
