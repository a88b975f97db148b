import assert from 'node:assert/strict';
import { test } from 'node:test';
import { divergences } from './divergence.ts';

const logitsOf = (...rows: readonly number[][]): Float32Array =>
  Float32Array.from(rows.flat(), (probability) => Math.log(probability));
const near = (got: number, wanted: number): void =>
  assert.ok(Math.abs(got - wanted) < 1e-6, `${got} for ${wanted}`);

test('each row has its divergence, Σ p·log(p/q)', () => {
  const p = logitsOf([0.5, 0.5], [0.9, 0.1]);
  const q = logitsOf([0.25, 0.75], [0.5, 0.5]);
  const [first, second] = divergences(p, q, 2);
  near(first!, 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75));
  near(second!, 0.9 * Math.log(0.9 / 0.5) + 0.1 * Math.log(0.1 / 0.5));
});

test('logits of one distribution do not diverge, however they are shifted and however large they are', () => {
  const p = Float32Array.from([300, 299, -200, 0]);
  const [none] = divergences(
    p,
    p.map((value) => value + 64),
    4,
  );
  near(none!, 0);
});

test('a number that is none stays one', () => {
  assert.deepEqual(divergences(logitsOf([0.5, 0.5]), Float32Array.from([0, Number.NaN]), 2), [Number.NaN]);
});
