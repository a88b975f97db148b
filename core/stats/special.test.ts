import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logGamma, logGammaRise, regularizedBeta, regularizedGammaQ } from './special.ts';

function near(value: number, wanted: number, tolerance = 1e-13): void {
  const allowed = tolerance * Math.max(Math.abs(wanted), 1e-300);
  assert.ok(Math.abs(value - wanted) <= allowed, `${value} for ${wanted}`);
}

test('the gamma function of whole numbers is the factorial, that of a half the root of pi', () => {
  let factorial = 1;
  for (let n = 1; n <= 20; n++) {
    near(Math.exp(logGamma(n)), factorial);
    factorial *= n;
  }
  near(logGamma(0.5), Math.log(Math.PI) / 2);
});

test('a rise by one is the logarithm of the argument, however large', () => {
  for (const x of [0.3, 1.5, 9.9, 10, 77, 1e4, 1e9, 1e14]) near(logGammaRise(x, 1), Math.log(x), 1e-14);
});

test('the incomplete beta function has its closed forms', () => {
  for (const x of [1e-12, 0.01, 0.4, 0.6, 0.999]) {
    for (const a of [0.5, 1, 3, 250]) {
      near(regularizedBeta({ a, b: 1, x, y: 1 - x }), x ** a);
      near(regularizedBeta({ a: 1, b: a, x, y: 1 - x }), -Math.expm1(a * Math.log1p(-x)));
    }
    near(regularizedBeta({ a: 0.5, b: 0.5, x, y: 1 - x }), (2 / Math.PI) * Math.asin(Math.sqrt(x)));
  }
});

test('both sides of the incomplete beta function add up to one', () => {
  for (const [a, b] of [
    [0.5, 0.5],
    [0.5, 1e4],
    [7, 3],
    [400, 380],
  ] as const) {
    for (const x of [0.001, 0.1, 0.3, 0.5, 0.52, 0.9]) {
      const sides = regularizedBeta({ a, b, x, y: 1 - x }) + regularizedBeta({ a: b, b: a, x: 1 - x, y: x });
      near(sides, 1);
    }
  }
});

test('a side that is too small to be a difference from one keeps its digits', () => {
  near(regularizedBeta({ a: 0.5, b: 0.5, x: 1e-40, y: 1 }), (2 / Math.PI) * 1e-20);
});

test('the incomplete gamma function of whole numbers is a sum of Poisson probabilities', () => {
  for (const a of [1, 2, 5, 12]) {
    for (const x of [0.1, 1, 4.9, 12, 60]) {
      let [term, sum] = [Math.exp(-x), 0];
      for (let k = 0; k < a; k++) {
        sum += term;
        term *= x / (k + 1);
      }
      near(regularizedGammaQ(a, x), sum);
    }
  }
});
