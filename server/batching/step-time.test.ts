import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../core/rng.ts';
import { type StepShape, StepTimeModel } from './step-time.ts';

/** A machine that the model can describe, with noise of ±10 %. */
function machine(seed: number) {
  const rng = createRng(seed);
  let slowness = 1;
  const exactMs = (shape: StepShape): number =>
    slowness *
    (7 +
      0.8 * shape.decodeRows +
      0.3 * shape.chunkTokens +
      0.002 * shape.cacheRows +
      0.0005 * shape.chunkContext);
  return {
    exactMs,
    measuredMs: (shape: StepShape): number => exactMs(shape) * (0.9 + 0.2 * rng.next()),
    slowDown: (factor: number): void => void (slowness = factor),
    shape(): StepShape {
      const [decodeRows, length] = [Math.floor(rng.next() * 16), Math.floor(rng.next() * 1000)];
      const chunkTokens = rng.next() < 0.3 ? Math.ceil(rng.next() * 128) : 0;
      return {
        decodeRows: decodeRows + (chunkTokens === 0 ? 1 : 0),
        chunkTokens,
        cacheRows: decodeRows * length + chunkTokens,
        chunkContext: chunkTokens ** 2 / 2,
      };
    },
  };
}

function worstError(model: StepTimeModel, of: ReturnType<typeof machine>): number {
  const errors = Array.from({ length: 200 }, () => of.shape()).map((shape) =>
    Math.abs(Math.log(model.predictMs(shape) / of.exactMs(shape))),
  );
  return Math.exp(errors.sort((a, b) => a - b)[190]!) - 1;
}

function learn(model: StepTimeModel, from: ReturnType<typeof machine>, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const shape = from.shape();
    model.observe(shape, from.measuredMs(shape));
  }
}

test('95 of 100 predictions lie within 10 % after 100 steps', () => {
  const [model, real] = [new StepTimeModel(), machine(1)];
  learn(model, real, 100);
  assert.ok(worstError(model, real) < 0.1, `${worstError(model, real)}`);
});

test('a machine that slows down by half is followed within 30 steps', () => {
  const [model, real] = [new StepTimeModel(), machine(2)];
  learn(model, real, 100);
  model.anchor();
  learn(model, real, 100);
  real.slowDown(1.5);
  learn(model, real, 30);
  assert.ok(worstError(model, real) < 0.2, `${worstError(model, real)}`);
});

test('steps of one kind do not spoil what is known of another', () => {
  const [model, real] = [new StepTimeModel(), machine(3)];
  learn(model, real, 100);
  model.anchor();
  const decode = { decodeRows: 8, chunkTokens: 0, cacheRows: 800, chunkContext: 0 };
  for (let step = 0; step < 5000; step++) model.observe(decode, real.measuredMs(decode));
  assert.ok(worstError(model, real) < 0.25, `${worstError(model, real)}`);
});

test('one stalled step moves predictions little', () => {
  const [model, real] = [new StepTimeModel(), machine(4)];
  learn(model, real, 100);
  model.anchor();
  learn(model, real, 50);
  model.observe({ decodeRows: 4, chunkTokens: 0, cacheRows: 400, chunkContext: 0 }, 30_000);
  assert.ok(worstError(model, real) < 0.6, `${worstError(model, real)}`);
});

test('the chunk that is allowed is predicted to keep the budget, and one token more to break it', () => {
  const [model, real] = [new StepTimeModel(), machine(5)];
  learn(model, real, 200);
  const decode = { decodeRows: 8, chunkTokens: 0, cacheRows: 4000, chunkContext: 0 };
  const start = 500;
  const withChunk = (tokens: number): number =>
    model.predictMs({
      ...decode,
      chunkTokens: tokens,
      cacheRows: 4000 + start + tokens,
      chunkContext: tokens * (start + tokens / 2),
    });
  const allowed = model.chunkWithin(40, decode, start);
  assert.ok(allowed > 10);
  assert.ok(withChunk(allowed - 2) < 40 * 1.02 && withChunk(allowed + 2) > 40 * 0.98);
});
