import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../core/rng.ts';
import { maxGrowth, type Point, trendOf } from './trend.ts';

const points = (value: (at: number) => number): Point[] =>
  Array.from({ length: 181 }, (_, index) => [index * 10, value(index * 10)] as const);

test('a straight line is found, with its slope per hour', () => {
  const trend = trendOf(points((at) => 100 + at / 100))!;
  assert.ok(Math.abs(trend.perHour - 36) < 1e-9);
  assert.ok(Math.abs(trend.from - 106) < 1e-9 && Math.abs(trend.to - 118) < 1e-9);
  assert.equal(trend.isFlat, false);
});

test('what grows in the warm-up alone is flat, noise is, and a leak under it is found', () => {
  const rng = createRng(1);
  const noisy = (at: number): number => 100 + 60 * Math.min(1, at / 500) + 10 * (rng.next() - 0.5);
  assert.equal(trendOf(points(noisy))!.isFlat, true);
  const leaking = trendOf(points((at) => noisy(at) + at / 100))!;
  assert.equal(leaking.isFlat, false);
  assert.ok(leaking.growth > maxGrowth && leaking.growth < 0.15, String(leaking.growth));
});

test('what shrinks is flat, and something out of nothing is not', () => {
  assert.equal(trendOf(points((at) => 100 - at / 100))!.isFlat, true);
  assert.equal(trendOf(points(() => 0))!.isFlat, true);
  assert.equal(trendOf(points((at) => Math.max(0, at - 1_000)))!.isFlat, false);
  assert.equal(trendOf([[0, 1]]), null);
});
