import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../../../core/rng.ts';
import { quantiles } from '../../../core/stats/quantile.ts';
import { LatencyWindow } from './latency-window.ts';
import { LoadWindows } from './load-windows.ts';

const rounded = (value: number): number => Math.round(100 * value) / 100;

function latencies(seed: number, count: number): readonly number[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => rounded(100 * Math.exp(nextGaussian(rng))));
}

test('the latest 256 values are held, the oldest first', () => {
  const [window, values] = [new LatencyWindow(), latencies(1, 600)];
  for (const value of values) window.add(value);
  assert.equal(window.count, 256);
  assert.deepEqual(window.state(), values.slice(-256));
  assert.equal(window.p95Ms, quantiles(Float64Array.from(values.slice(-256)), [0.95])![0]);
});

test('a window goes on from its state', () => {
  const values = latencies(2, 700);
  const whole = new LatencyWindow();
  for (const value of values) whole.add(value);
  const first = new LatencyWindow();
  for (const value of values.slice(0, 300)) first.add(value);
  const second = new LatencyWindow(first.state());
  for (const value of values.slice(300)) second.add(value);
  assert.deepEqual(second.state(), whole.state());
});

test('a value is slow when less than the share reach it', () => {
  const window = new LatencyWindow(Array.from({ length: 100 }, (_, index) => index + 1));
  // 96 to 100 are five of a hundred.
  assert.equal(window.isSlow(96, 0.05), false);
  assert.equal(window.isSlow(96.01, 0.05), true);
  assert.equal(window.isSlow(1000, 0.05), true);
  assert.equal(window.isSlow(75.5, 0.25), false);
  assert.equal(window.isSlow(76.5, 0.25), true);
  assert.equal(new LatencyWindow().isSlow(1, 0.05), false);
  assert.equal(new LatencyWindow([5, 5, 5]).isSlow(5, 0.05), false);
});

test('of all ranks that one more value may have, as many are slow as is said', () => {
  for (const [size, share] of [
    [33, 0.25],
    [64, 0.05],
    [100, 0.05],
    [256, 0.05],
  ] as const) {
    const window = new LatencyWindow(Array.from({ length: size }, (_, index) => index + 1));
    const ranks = Array.from({ length: size + 1 }, (_, numBelow) => numBelow + 0.5);
    const numSlow = ranks.filter((value) => window.isSlow(value, share)).length;
    assert.equal(window.chanceOfSlow(share), numSlow / ranks.length);
  }
});

test('latencies of different load are kept apart, and taken over by load', () => {
  const windows = new LoadWindows();
  for (const load of [0, 1, 2, 3, 4, 31, 32, 1000]) windows.at(load).add(load);
  assert.deepEqual(windows.state(), [[0, 1], [2, 3], [4], [], [31], [32, 1000]]);
  const other = new LoadWindows(windows.state());
  other.absorb(windows);
  assert.deepEqual(other.state()[1], [2, 3, 2, 3]);
});
