import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../rng.ts';
import { type Moments, mergeMoments, momentsOf, noMoments, withValue } from './summary.ts';

/** In two passes over the values. */
function direct(values: readonly number[]): Moments {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, variance: count < 2 ? 0 : squares / (count - 1) };
}

function near(moments: Moments, wanted: Moments): void {
  assert.equal(moments.count, wanted.count);
  for (const key of ['mean', 'variance'] as const) {
    const allowed = 1e-10 * Math.max(1, Math.abs(wanted[key]));
    assert.ok(Math.abs(moments[key] - wanted[key]) <= allowed, `${key} ${moments[key]} for ${wanted[key]}`);
  }
}

test('one pass finds what two passes find', () => {
  const rng = createRng(1);
  for (const size of [1, 2, 3, 10, 1000]) {
    const values = Array.from({ length: size }, () => 50 + 3 * nextGaussian(rng));
    near(momentsOf(values), direct(values));
  }
});

test('a small variance far from zero is kept', () => {
  const values = [4, 7, 13, 16].map((value) => 1e9 + value);
  assert.equal(momentsOf(values).variance, 30);
});

test('parts merged in any way are the whole', () => {
  const rng = createRng(2);
  const values = Array.from({ length: 300 }, () => Math.exp(nextGaussian(rng)));
  for (const at of [0, 1, 2, 150, 299, 300]) {
    const [head, tail] = [momentsOf(values.slice(0, at)), momentsOf(values.slice(at))];
    near(mergeMoments(head, tail), direct(values));
    near(mergeMoments(tail, head), direct(values));
  }
});

test('an observation leaves the moments that it is added to alone', () => {
  const before = momentsOf([1, 2]);
  const after = withValue(before, 6);
  assert.deepEqual(before, { count: 2, mean: 1.5, variance: 0.5 });
  assert.deepEqual(after, { count: 3, mean: 3, variance: 7 });
  assert.deepEqual(noMoments, { count: 0, mean: 0, variance: 0 });
});

test('what is not finite is refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => withValue(noMoments, value), /finite/);
});
