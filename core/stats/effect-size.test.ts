import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../rng.ts';
import { biasCorrection, cohensD, hedgesG } from './effect-size.ts';
import { momentsOf } from './summary.ts';

const armsOf = (control: readonly number[], treatment: readonly number[]) => ({
  control: momentsOf(control),
  treatment: momentsOf(treatment),
});

test('d is the difference in pooled standard deviations, positive when the treatment is higher', () => {
  assert.equal(cohensD(armsOf([1, 2, 3], [2, 3, 4])), 1);
  assert.equal(cohensD(armsOf([2, 3, 4], [1, 2, 3])), -1);
});

test('the correction has its closed forms and comes to one', () => {
  assert.ok(Math.abs(biasCorrection(2) - 1 / Math.sqrt(Math.PI)) < 1e-14);
  assert.ok(Math.abs(biasCorrection(4) - Math.sqrt(2 / Math.PI)) < 1e-14);
  // 1 - 3/(4m - 1) and terms of the order of 1/m².
  assert.ok(Math.abs(biasCorrection(1e6) - (1 - 3 / (4e6 - 1))) < 1e-12);
});

test('g is unbiased where d is not, and its interval holds the truth about as often as it says', () => {
  const rng = createRng(1);
  const [numRuns, effect] = [4000, 0.7];
  const sample = (size: number, mean: number) =>
    momentsOf(Array.from({ length: size }, () => mean + nextGaussian(rng)));
  let [sumG, sumD, sumSquares, misses] = [0, 0, 0, 0];
  for (let run = 0; run < numRuns; run++) {
    const small = { control: sample(5, 0), treatment: sample(5, effect) };
    const { g } = hedgesG(small)!;
    sumG += g;
    sumSquares += g * g;
    sumD += cohensD(small)!;
    const { interval } = hedgesG({ control: sample(20, 0), treatment: sample(30, effect) })!;
    if (interval.lower > effect || interval.upper < effect) misses++;
  }
  const mean = sumG / numRuns;
  const error = Math.sqrt((sumSquares / numRuns - mean ** 2) / numRuns);
  assert.ok(Math.abs(mean - effect) < 3 * error, `mean g ${mean} ± ${error}`);
  assert.ok(sumD / numRuns - effect > 3 * error, `mean d ${sumD / numRuns}`);
  assert.ok(Math.abs(misses / numRuns - 0.05) < 0.014, `${misses} misses`);
});

test('without variance there is no effect size', () => {
  assert.equal(cohensD(armsOf([1], [2, 3])), null);
  assert.equal(hedgesG(armsOf([1, 1], [2, 2])), null);
});
