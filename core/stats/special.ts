/**
 * The gamma and beta functions that distributions are made of. Relative errors are about 1e-12 for arguments in the
 * thousands, 1e-10 for a beta function's of ten million. Numbers in brackets: equations of the NIST Digital Library of
 * Mathematical Functions, dlmf.nist.gov.
 */
import { invariant } from '../invariant.ts';

/** From here on the six terms of Stirling's series are exact to 1e-15. */
const minStirling = 10;
/** Coefficients of x^-1, x^-3, … in Stirling's series [5.11.1]. */
const stirling = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360];
/** Of a series or fraction. Student's t takes under 100, the slowest, gamma about its mean of a million, 500. */
const maxTerms = 10_000;
const tolerance = Number.EPSILON;

/** ln Γ(x) - ((x - ½) ln x - x + ½ ln 2π), x ≥ minStirling. */
function stirlingRest(x: number): number {
  const square = x * x;
  return stirling.reduceRight((sum, coefficient) => sum / square + coefficient, 0) / x;
}

/** ln Γ(x), x > 0: Stirling's series, reached from below by Γ(x + 1) = x Γ(x). */
export function logGamma(x: number): number {
  invariant(x > 0, 'logGamma takes a positive number');
  let [factor, from] = [1, x];
  while (from < minStirling) factor *= from++;
  return (
    (from - 0.5) * Math.log(from) - from + Math.log(2 * Math.PI) / 2 + stirlingRest(from) - Math.log(factor)
  );
}

/** ln Γ(x + step) - ln Γ(x) for x, step > 0, without the digits that the difference would lose for a large x. */
export function logGammaRise(x: number, step: number): number {
  if (x < minStirling) return logGamma(x + step) - logGamma(x);
  const rest = stirlingRest(x + step) - stirlingRest(x);
  return (x - 0.5) * Math.log1p(step / x) + step * (Math.log(x + step) - 1) + rest;
}

/** Of the incomplete beta function: a, b > 0, and x in [0, 1] along with y = 1 - x, so that neither loses digits. */
export interface BetaArguments {
  readonly a: number;
  readonly b: number;
  readonly x: number;
  readonly y: number;
}

/** Iₓ(a, b), the regularized incomplete beta function, in [0, 1] [8.17.2]. */
export function regularizedBeta({ a, b, x, y }: BetaArguments): number {
  invariant(a > 0 && b > 0 && x >= 0 && y >= 0, 'the incomplete beta function has its arguments in range');
  if (x === 0 || y === 0) return x === 0 ? 0 : 1;
  // The fraction converges fast on this side of the mean [8.17.22]; the other side is the complement [8.17.4].
  if (x > (a + 1) / (a + b + 2)) return 1 - betaFraction({ a: b, b: a, x: y, y: x });
  return betaFraction({ a, b, x, y });
}

function betaFraction({ a, b, x, y }: BetaArguments): number {
  const logBeta = logGamma(Math.min(a, b)) - logGammaRise(Math.max(a, b), Math.min(a, b));
  const front = Math.exp(a * logOf(x, y) + b * logOf(y, x) - logBeta) / a;
  const fraction = continuedFraction(
    (term) => (term === 1 ? 1 : betaTerm(term - 1, a, b) * x),
    () => 1,
  );
  return front * fraction;
}

/** ln x, given y = 1 - x. */
const logOf = (x: number, y: number): number => (x < 0.5 ? Math.log(x) : Math.log1p(-y));

/** d of [8.17.23], without its x. */
function betaTerm(index: number, a: number, b: number): number {
  const m = index >> 1;
  const below = (a + index - 1) * (a + index);
  return (index % 2 === 0 ? m * (b - m) : -(a + m) * (a + b + m)) / below;
}

/** Q(a, x), the regularized upper incomplete gamma function, in [0, 1]; a > 0, x ≥ 0 [8.2.4]. */
export function regularizedGammaQ(a: number, x: number): number {
  invariant(a > 0 && x >= 0, 'the incomplete gamma function has its arguments in range');
  if (x === 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) return 1 - front * gammaSeries(a, x);
  // The even part of [8.9.2].
  const fraction = continuedFraction(
    (term) => (term === 1 ? 1 : (term - 1) * (a - term + 1)),
    (term) => x - a + 2 * term - 1,
  );
  return front * fraction;
}

/** Σ xⁿ / (a (a + 1) … (a + n)) [8.11.4]. */
function gammaSeries(a: number, x: number): number {
  let [term, sum] = [1 / a, 1 / a];
  for (let n = 1; n <= maxTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * tolerance) return sum;
  }
  return didNotConverge();
}

/**
 * above(1) / (below(1) + above(2) / (below(2) + …)) by Lentz's algorithm, as modified by Thompson and Barnett (Journal of
 * Computational Physics 64, 1986).
 */
function continuedFraction(above: (term: number) => number, below: (term: number) => number): number {
  const tiny = 1e-300;
  let [value, ratio, inverse] = [tiny, tiny, 0];
  for (let term = 1; term <= maxTerms; term++) {
    const [numerator, denominator] = [above(term), below(term)];
    ratio = denominator + numerator / ratio || tiny;
    inverse = 1 / (denominator + numerator * inverse || tiny);
    const change = ratio * inverse;
    value *= change;
    if (Math.abs(change - 1) <= tolerance) return value;
  }
  return didNotConverge();
}

function didNotConverge(): never {
  throw new Error(`invariant broken: a series converges within ${maxTerms} terms`);
}
