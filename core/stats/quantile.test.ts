import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../rng.ts';
import { quantiles } from './quantile.ts';

test('the k-th of n values in order is the quantile of (k-1)/(n-1)', () => {
  const rng = createRng(1);
  const values = Float64Array.from({ length: 129 }, () => 1000 * rng.next());
  const places = Array.from(values, (_, place) => place / 128);
  assert.deepEqual(
    quantiles(values, places),
    [...values].sort((a, b) => a - b),
  );
});

test('between two values it goes in a straight line', () => {
  assert.deepEqual(quantiles(Float64Array.of(30, 10), [0, 0.25, 0.5, 1]), [10, 15, 20, 30]);
});

test('the values keep their order', () => {
  const values = Float64Array.of(3, 1, 2);
  quantiles(values, [0.5]);
  assert.deepEqual([...values], [3, 1, 2]);
});

test('infinite values are values', () => {
  const endless = Number.POSITIVE_INFINITY;
  assert.deepEqual(quantiles(Float64Array.of(1, endless, endless), [0, 1]), [1, endless]);
});

test('of nothing there is no quantile, of one value there is one', () => {
  assert.equal(quantiles(new Float64Array(0), [0.5]), null);
  assert.deepEqual(quantiles(Float64Array.of(4), [0, 0.3, 1]), [4, 4, 4]);
});

test('a NaN and a probability that is none are refused', () => {
  assert.throws(() => quantiles(Float64Array.of(1, Number.NaN), [0.5]), /order/);
  assert.throws(() => quantiles(Float64Array.of(1), [1.1]), /\[0, 1\]/);
});
