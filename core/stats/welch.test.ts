import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../rng.ts';
import { momentsOf } from './summary.ts';
import { welchTest } from './welch.ts';

const armsOf = (control: readonly number[], treatment: readonly number[]) => ({
  control: momentsOf(control),
  treatment: momentsOf(treatment),
});

test('two samples of three with the same variance have four degrees of freedom', () => {
  const { t, degrees, estimate } = welchTest(armsOf([1, 2, 3], [2, 3, 4]))!;
  assert.ok(Math.abs(t - Math.sqrt(1.5)) < 1e-15);
  assert.ok(Math.abs(degrees - 4) < 1e-14);
  assert.equal(estimate, 1);
});

test('arms of different variance are told apart as often as alpha says, and the interval holds the truth', () => {
  const rng = createRng(1);
  const numRuns = 4000;
  let [alarms, misses] = [0, 0];
  const sample = (size: number, mean: number, deviation: number): number[] =>
    Array.from({ length: size }, () => mean + deviation * nextGaussian(rng));
  for (let run = 0; run < numRuns; run++) {
    const same = welchTest(armsOf(sample(30, 1, 1), sample(8, 1, 4)))!;
    if (same.pValue < 0.05) alarms++;
    const { interval } = welchTest(armsOf(sample(30, 1, 1), sample(8, 3, 4)))!;
    if (interval.lower > 2 || interval.upper < 2) misses++;
  }
  // Four standard errors of a rate of 0.05 are 0.014.
  assert.ok(Math.abs(alarms / numRuns - 0.05) < 0.014, `${alarms} alarms`);
  assert.ok(Math.abs(misses / numRuns - 0.05) < 0.014, `${misses} misses`);
});

test('zero is outside the interval just when the p-value is below alpha', () => {
  const rng = createRng(2);
  for (let run = 0; run < 200; run++) {
    const sample = (): number[] => Array.from({ length: 5 }, () => nextGaussian(rng));
    const { interval, pValue } = welchTest(armsOf(sample(), sample()), { alpha: 0.3 })!;
    assert.equal(interval.lower > 0 || interval.upper < 0, pValue < 0.3, `seed 2, run ${run}`);
  }
});

test('exchanged arms have the opposite difference and the same p-value', () => {
  const [a, b] = [
    [3, 1, 4, 1, 5],
    [9, 2, 6],
  ];
  const [one, other] = [welchTest(armsOf(a!, b!))!, welchTest(armsOf(b!, a!))!];
  assert.equal(one.t, -other.t);
  assert.equal(one.pValue, other.pValue);
  assert.equal(one.interval.lower, -other.interval.upper);
});

test('a scale near the smallest numbers changes nothing', () => {
  const scaled = (values: readonly number[]) => values.map((value) => value * 1e-120);
  const [plain, tiny] = [
    welchTest(armsOf([1, 2, 4], [5, 9]))!,
    welchTest(armsOf(scaled([1, 2, 4]), scaled([5, 9])))!,
  ];
  assert.ok(Math.abs(tiny.degrees / plain.degrees - 1) < 1e-12);
  assert.ok(Math.abs(tiny.pValue / plain.pValue - 1) < 1e-12);
});

test('without variance there is no test', () => {
  assert.equal(welchTest(armsOf([1], [2, 3])), null);
  assert.equal(welchTest(armsOf([], [])), null);
  assert.equal(welchTest(armsOf([1, 1], [2, 2])), null);
});
