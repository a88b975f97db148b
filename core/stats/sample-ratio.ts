/**
 * Whether traffic was split as was asked for. When not, something that depends on the version decides who is counted, and
 * no comparison of the arms can be believed.
 */
import { invariant } from '../invariant.ts';
import { chiSquareSurvival } from './distribution.ts';

/** Below it the normal approximation under chi-square is poor: Cochran (Biometrics 10, 1954). */
const minExpected = 5;

export interface SampleRatioTest {
  /** Pearson's chi-square of the counts, ≥ 0. */
  readonly statistic: number;
  /** Of counts at least as uneven when the split is right. */
  readonly pValue: number;
  readonly verdict: 'matched' | 'mismatched';
}

export interface SampleRatioOptions {
  /**
   * A smaller p-value is a mismatch. 0.001, as in Kohavi, Tang and Xu, "Trustworthy Online Controlled Experiments", 2020,
   * chapter 21: the test is made often, and an alarm stops an experiment.
   */
  readonly threshold?: number;
}

/**
 * `counts` per arm, at least two of them, against `shares` > 0 of any sum. What is counted must be what was assigned: users
 * or sessions, not their requests. Null while an arm is expected to have fewer than five.
 */
export function sampleRatioTest(
  counts: readonly number[],
  shares: readonly number[],
  { threshold = 0.001 }: SampleRatioOptions = {},
): SampleRatioTest | null {
  invariant(counts.length >= 2 && counts.length === shares.length, 'there is one share for each of the arms');
  invariant(
    shares.every((share) => share > 0),
    'an arm has a share',
  );
  const [total, whole] = [sumOf(counts), sumOf(shares)];
  const expected = shares.map((share) => (total * share) / whole);
  if (Math.min(...expected) < minExpected) return null;
  const statistic = sumOf(counts.map((count, arm) => (count - expected[arm]!) ** 2 / expected[arm]!));
  const pValue = chiSquareSurvival(statistic, counts.length - 1);
  return { statistic, pValue, verdict: pValue < threshold ? 'mismatched' : 'matched' };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
