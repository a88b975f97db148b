import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian } from '../rng.ts';
import { powerOf, sampleSizePerArm } from './power.ts';
import { momentsOf } from './summary.ts';
import { welchTest } from './welch.ts';

test('without an effect the power is alpha, whatever the counts', () => {
  for (const alpha of [0.001, 0.05, 0.3]) {
    const power = powerOf({ control: 7, treatment: 900 }, { effectSize: 0, alpha });
    assert.ok(Math.abs(power - alpha) < 1e-15);
  }
});

test('the size is the smallest that has the power', () => {
  const rng = createRng(1);
  for (let run = 0; run < 100; run++) {
    const [alpha, effectSize] = [0.3 * rng.next() + 1e-4, 2 * rng.next() - 1];
    const power = alpha + (0.999 - alpha) * rng.next();
    const size = sampleSizePerArm({ effectSize, alpha, power });
    const at = (count: number) => powerOf({ control: count, treatment: count }, { effectSize, alpha });
    assert.ok(at(size) >= power, `seed 1, run ${run}`);
    assert.ok(size === 1 || at(size - 1) < power, `seed 1, run ${run}`);
  }
});

test("Welch's test finds an effect about as often as the power says", () => {
  const rng = createRng(2);
  const [numRuns, effectSize] = [2000, 0.5];
  const size = sampleSizePerArm({ effectSize });
  const sample = (mean: number) => momentsOf(Array.from({ length: size }, () => mean + nextGaussian(rng)));
  let found = 0;
  for (let run = 0; run < numRuns; run++) {
    if (welchTest({ control: sample(0), treatment: sample(effectSize) })!.pValue < 0.05) found++;
  }
  // Four standard errors of a rate of 0.8 are 0.036.
  assert.ok(Math.abs(found / numRuns - 0.8) < 0.036, `${found} found`);
});

test('an effect of nothing, and a power below alpha, are refused', () => {
  assert.throws(() => sampleSizePerArm({ effectSize: 0 }), /effect/);
  assert.throws(() => sampleSizePerArm({ effectSize: 1, alpha: 0.1, power: 0.1 }), /power/);
});
