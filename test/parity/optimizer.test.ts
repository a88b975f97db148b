import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AdamW } from '../../trainer/train/adamw.ts';
import { rateAt, type ScheduleName } from '../../trainer/train/schedule.ts';
import { fixturePath } from '../root.ts';

/** From optimizer.py beside this file. */
const golden = JSON.parse(readFileSync(fixturePath('optimizer.json'), 'utf8')) as {
  adamw: { norms: readonly number[]; values: Readonly<Record<string, readonly number[]>> };
  schedules: Readonly<Record<string, readonly number[]>>;
};

const wave = (size: number, phase: number, factor = 1): Float32Array =>
  Float32Array.from({ length: size }, (_, index) => factor * Math.sin(0.9 * index + phase));

function near(value: number, wanted: number): void {
  assert.ok(Math.abs(value - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted)), `${value} for ${wanted}`);
}

test("AdamW with clipped gradients takes PyTorch's steps", () => {
  const values = new Map([
    ['a', wave(6, 0.1)],
    ['b', wave(4, 2)],
  ]);
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, maxGradientNorm: 1.5 };
  const optimizer = new AdamW(options);
  golden.adamw.norms.forEach((norm, step) => {
    const factor = 1 + (step % 3);
    const gradients = new Map(
      [...values.keys()].map((name, index) => {
        return [name, wave(values.get(name)!.length, 0.5 * step + index, factor)] as const;
      }),
    );
    near(optimizer.step(values, gradients, 0.02), norm);
  });
  for (const [name, wanted] of Object.entries(golden.adamw.values)) {
    wanted.forEach((value, index) => {
      near(values.get(name)![index]!, value);
    });
  }
});

for (const [name, rates] of Object.entries(golden.schedules)) {
  test(`the ${name} schedule has the rates of Transformers`, () => {
    rates.forEach((rate, step) => {
      near(rateAt(name as ScheduleName, step, rates.length), rate);
    });
  });
}

test('a gradient that is not finite changes nothing', () => {
  const values = new Map([['a', wave(3, 0)]]);
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, maxGradientNorm: 1 });
  const bad = new Map([['a', Float32Array.of(1, Number.NaN, 0)]]);
  assert.throws(() => optimizer.step(values, bad, 0.1), /finite/);
  assert.deepEqual(values.get('a'), wave(3, 0));
  assert.equal(optimizer.state.numSteps, 0);
});
