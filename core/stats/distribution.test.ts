import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../rng.ts';
import {
  chiSquareSurvival,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
  studentTwoSided,
} from './distribution.ts';

function near(value: number, wanted: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(value - wanted) <= tolerance * Math.abs(wanted) + 1e-300, `${value} for ${wanted}`);
}

test("Student's t with one and two degrees of freedom has its closed forms", () => {
  for (const t of [-1e6, -30, -2, -0.5, -1e-6, 1e-6, 0.3, 1.7, 12]) {
    near(studentCdf(t, 1), t < 0 ? Math.atan(-1 / t) / Math.PI : 0.5 + Math.atan(t) / Math.PI);
    near(
      studentCdf(t, 2),
      t < 0 ? 1 / (t * t + 2 - t * Math.sqrt(t * t + 2)) : 0.5 + t / (2 * Math.sqrt(t * t + 2)),
    );
    near(studentTwoSided(t, 1), (2 * Math.atan(1 / Math.abs(t))) / Math.PI);
  }
  for (const p of [1e-20, 1e-3, 0.2, 0.4999]) near(studentQuantile(p, 1), -1 / Math.tan(Math.PI * p));
});

test('a quantile has the probability that it was asked for, in tails too', () => {
  const rng = createRng(1);
  for (let run = 0; run < 500; run++) {
    const probability = rng.next() < 0.5 ? 10 ** (-90 * rng.next()) / 2 : 0.01 + 0.98 * rng.next();
    const degrees = 10 ** (6 * rng.next());
    near(normalCdf(normalQuantile(probability)), probability);
    near(studentCdf(studentQuantile(probability, degrees), degrees), probability, 1e-9);
  }
});

test('the median is zero, and quantiles are odd about it', () => {
  assert.equal(studentQuantile(0.5, 3), 0);
  assert.ok(Math.abs(normalQuantile(0.5)) < 1e-15);
  for (const p of [0.125, 0.375, 0.484375]) {
    assert.equal(normalQuantile(1 - p), -normalQuantile(p));
    assert.equal(studentQuantile(1 - p, 4.5), -studentQuantile(p, 4.5));
  }
  assert.ok(Math.abs(studentQuantile(0.5 - 1e-16, 7)) < 1e-14, 'a rounding error from the median');
});

test("Student's t of many degrees of freedom is normal", () => {
  for (const p of [1e-6, 0.025, 0.3]) near(studentQuantile(p, 1e7), normalQuantile(p), 1e-5);
});

test('chi-square of one degree of freedom is a normal number squared, of two an exponential one', () => {
  for (const x of [1e-4, 0.5, 3.84, 30, 200]) {
    near(chiSquareSurvival(x, 1), 2 * normalCdf(-Math.sqrt(x)));
    near(chiSquareSurvival(x, 2), Math.exp(-x / 2));
  }
});

test('a probability outside (0, 1) has no quantile', () => {
  for (const p of [-0.1, 0, 1, Number.NaN]) {
    assert.throws(() => normalQuantile(p), /\(0, 1\)/);
    assert.throws(() => studentQuantile(p, 5), /\(0, 1\)/);
  }
});
