import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../../core/rng.ts';
import { isSplitBroken, noSplit, type SplitState, withUnit } from './split-check.ts';

/** After so many units of which `actual` are the canary's where `share` are to be. */
function split(seed: number, numUnits: number, actual: number, share: number): SplitState {
  const rng = createRng(seed);
  let state = noSplit;
  for (let unit = 0; unit < numUnits; unit++)
    state = withUnit(state, rng.next() < actual ? 'canary' : 'stable', share);
  return state;
}

const seeds = Array.from({ length: 400 }, (_, index) => index + 1);

test('a right split is called broken in at most 1 % of experiments of 1,024 units', () => {
  const numBroken = seeds.filter((seed) => isSplitBroken(split(seed, 1024, 0.2, 0.2))).length;
  assert.ok(numBroken <= 4, `${numBroken} of 400`);
});

test('a canary that loses a third of its units is noticed', () => {
  const numBroken = seeds.filter((seed) => isSplitBroken(split(seed, 1024, 0.4, 0.5))).length;
  assert.ok(numBroken >= 396, `${numBroken} of 400`);
});

test('units are held against the share of their time', () => {
  let state = split(1, 500, 0.1, 0.1);
  const rng = createRng(2);
  for (let unit = 0; unit < 524; unit++) state = withUnit(state, rng.next() < 0.5 ? 'canary' : 'stable', 0.5);
  assert.equal(isSplitBroken(state), false);
  assert.equal(Math.round(state.expected), 312);
});

test('nothing is said of too few units, and counting ends at 1,024', () => {
  assert.equal(split(1, 63, 1, 0.5).pValue, 1);
  assert.ok(isSplitBroken(split(1, 64, 1, 0.5)));
  const { stable, canary } = split(1, 5000, 0.5, 0.5);
  assert.equal(stable + canary, 1024);
});
