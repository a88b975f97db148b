import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../../../core/rng.ts';
import { cupedArms, noPairs, type PairMoments, withPair } from '../../../core/stats/cuped.ts';
import { type Moments, momentsOf } from '../../../core/stats/summary.ts';
import { anyDifference, comparableQuality, narrowed } from './quality-comparison.ts';
import { addRating, blend, noQuality, numRated, type QualitySums, qualityMoments } from './quality-sums.ts';
import { newUnit } from './unit-table.ts';

function assertClose(actual: Moments, expected: Moments): void {
  assert.ok(Math.abs(actual.count - expected.count) < 1e-9, `${actual.count} ${expected.count}`);
  assert.ok(Math.abs(actual.mean - expected.mean) < 1e-9, `${actual.mean} ${expected.mean}`);
  assert.ok(Math.abs(actual.variance - expected.variance) < 1e-9, `${actual.variance} ${expected.variance}`);
}

interface Unit {
  readonly earlier: number | null;
  readonly ratings: readonly number[];
}

const clamp = (value: number): number => Math.max(-1, Math.min(1, value));

function unitsOf(seed: number, numUnits: number, knownShare: number): readonly Unit[] {
  const rng = createRng(seed);
  return Array.from({ length: numUnits }, () => {
    const mood = 0.3 * nextGaussian(rng);
    const ratings = Array.from({ length: 1 + Math.floor(4 * rng.next()) }, () =>
      clamp(mood + 0.1 * nextGaussian(rng)),
    );
    return { earlier: rng.next() < knownShare ? clamp(mood) : null, ratings };
  });
}

/** Ratings of all units interleaved, the first of each first. */
function sumsOf(units: readonly Unit[]): QualitySums {
  const sums = noQuality();
  const entries = units.map(() => newUnit('stable'));
  for (let round = 0; round < 4; round++)
    for (const [index, { earlier, ratings }] of units.entries())
      if (round < ratings.length) addRating(sums, entries[index]!, ratings[round]!, earlier);
  return sums;
}

const meanOf = ({ ratings }: Unit): number => momentsOf(ratings).mean;

test('a unit counts once, with the mean of its ratings, however they arrive', () => {
  const units = unitsOf(1, 300, 0.5);
  const sums = sumsOf(units);
  assert.equal(numRated(sums), 300);
  assertClose(qualityMoments(sums), momentsOf(units.map(meanOf)));
});

test('with a past known of all, arms are compared as CUPED says', () => {
  const arms = { control: unitsOf(2, 80, 1), treatment: unitsOf(3, 60, 1) };
  const pairs = (units: readonly Unit[]): PairMoments =>
    units.reduce((all, unit) => withPair(all, unit.earlier!, meanOf(unit)), noPairs);
  const expected = cupedArms({ control: pairs(arms.control), treatment: pairs(arms.treatment) });
  const actual = comparableQuality({ control: sumsOf(arms.control), treatment: sumsOf(arms.treatment) });
  assertClose(actual.control, expected.control);
  assertClose(actual.treatment, expected.treatment);
  assert.ok(actual.control.variance < 0.5 * qualityMoments(sumsOf(arms.control)).variance);
});

test('with few pairs the past is left aside: two of them would seem to predict all', () => {
  const arms = { control: sumsOf(unitsOf(4, 60, 0.1)), treatment: sumsOf(unitsOf(5, 60, 0.1)) };
  const compared = comparableQuality(arms);
  assert.deepEqual(compared.control, qualityMoments(arms.control));
  assert.deepEqual(compared.treatment, qualityMoments(arms.treatment));
});

test('units without a past are compared beside those with one', () => {
  const arms = { control: sumsOf(unitsOf(6, 200, 0.5)), treatment: sumsOf(unitsOf(7, 200, 0.5)) };
  const compared = comparableQuality(arms);
  assert.equal(compared.control.count, 200);
  assert.ok(compared.control.variance < qualityMoments(arms.control).variance);
});

test('ratings that never vary have no variance left by rounding', () => {
  const unit = { earlier: null, ratings: [0.3] };
  assert.equal(qualityMoments(sumsOf(Array.from({ length: 1000 }, () => unit))).variance, 0);
});

test('what is older weighs what it is told to', () => {
  const sums = sumsOf(unitsOf(8, 100, 0.5));
  const half = qualityMoments(blend(sums, 0.5));
  assert.equal(half.count, 50);
  assert.ok(Math.abs(half.mean - qualityMoments(sums).mean) < 1e-12);
  const [a, b] = [unitsOf(9, 40, 0.5), unitsOf(10, 50, 0.5)];
  assertClose(qualityMoments(blend(sumsOf(a), 1, sumsOf(b))), momentsOf([...a, ...b].map(meanOf)));
});

test('an interval only narrows, and stays as it was without enough units', () => {
  const options = { alpha: 0.05, minPerArm: 50 };
  const arms = (count: number) => ({
    control: sumsOf(unitsOf(11, count, 0)),
    treatment: sumsOf(unitsOf(12, count, 0)),
  });
  assert.deepEqual(narrowed(anyDifference, arms(49), options), anyDifference);
  const first = narrowed(anyDifference, arms(50), options);
  assert.ok(first.lower > -2 && first.upper < 2);
  const early = { lower: -0.01, upper: 0.01 };
  assert.deepEqual(narrowed(early, arms(50), options), early);
});
