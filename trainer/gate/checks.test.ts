import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkEach, checkFact, checkLargest, checkMean, checkShare, gateOf } from './checks.ts';

/** Mean 1, standard deviation 1 and so, of nine, standard error 1/3. */
const nine = [0, 0, 0, 1, 1, 1, 2, 2, 2].map((value) => 1 + (value - 1) * Math.sqrt(8 / 6));

test('a mean passes up to its bound, fails beyond it by two standard errors, and is in doubt between', () => {
  const cases = [
    [1.001, 'pass'],
    [0.999, 'inconclusive'],
    [1 - 0.66, 'inconclusive'],
    [1 - 0.67, 'fail'],
  ] as const;
  for (const [bound, verdict] of cases) {
    const check = checkMean('m', nine, bound);
    assert.deepEqual({ ...check, value: 0 }, { name: 'm', verdict, value: 0, bound });
    assert.ok(Math.abs(check.value! - 1) < 1e-12);
  }
});

test('one value under its bound is doubt, all of them are failure, and the least is the evidence', () => {
  assert.deepEqual(checkEach('e', [2, 3], 2), { name: 'e', verdict: 'pass', value: 2, bound: 2 });
  assert.deepEqual(checkEach('e', [1, 3], 2), { name: 'e', verdict: 'inconclusive', value: 1, bound: 2 });
  assert.deepEqual(checkEach('e', [1, 0], 2), { name: 'e', verdict: 'fail', value: 0, bound: 2 });
});

test('the largest value is in doubt over its bound and fails over twice the bound, whatever the others are', () => {
  assert.deepEqual(checkLargest('l', [-5, 2], 2), { name: 'l', verdict: 'pass', value: 2, bound: 2 });
  assert.equal(checkLargest('l', [-5, 2.1], 2).verdict, 'inconclusive');
  assert.equal(checkLargest('l', [-500, 4.1], 2).verdict, 'fail');
});

test('a share is held to its bound, and nothing of nothing is none', () => {
  assert.deepEqual(checkShare('s', 1, 4, 0.25), { name: 's', verdict: 'pass', value: 0.25, bound: 0.25 });
  assert.equal(checkShare('s', 2, 4, 0.25).verdict, 'fail');
  assert.deepEqual(checkShare('s', 0, 0, 0), { name: 's', verdict: 'pass', value: 0, bound: 0 });
});

test('what is not a finite number fails every check, and leaves no number as evidence', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const check of [checkMean, checkEach, checkLargest]) {
      assert.deepEqual(check('x', [0, value, 0], 1e9), {
        name: 'x',
        verdict: 'fail',
        value: null,
        bound: 1e9,
      });
    }
  }
});

test('a check without anything to look at passes and says so', () => {
  for (const check of [checkMean, checkEach, checkLargest]) {
    assert.deepEqual(check('x', [], 1), { name: 'x', verdict: 'pass', value: null, bound: 1 });
  }
});

test('a gate fails with one check that fails, is in doubt with one in doubt, and else passes', () => {
  const [pass, fail] = [checkFact('a', true), checkFact('b', false)];
  const doubt = checkEach('c', [0, 2], 1);
  assert.equal(gateOf([pass, pass]).verdict, 'pass');
  assert.equal(gateOf([pass, doubt]).verdict, 'inconclusive');
  assert.equal(gateOf([doubt, fail, pass]).verdict, 'fail');
  assert.deepEqual(gateOf([pass, doubt]).checks, [pass, doubt]);
});
