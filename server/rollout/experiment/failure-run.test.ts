import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgedRun, noRun, withContrast, withFailure, withoutBlame } from './failure-run.ts';

type Step = 'contrast' | 'blameless' | number;

/** A number is a failure of that unit. */
const isBroken = (...steps: readonly Step[]): boolean =>
  steps.reduce((run, step) => {
    if (step === 'contrast') return withContrast(run);
    if (step === 'blameless') return withoutBlame(run);
    return judgedRun(withFailure(run, step), 3);
  }, noRun).isBroken;

test('three failures in a row are enough while the other version answers', () => {
  assert.equal(isBroken(1, 'contrast', 2), false);
  assert.equal(isBroken(1, 'contrast', 2, 3), true);
  assert.equal(isBroken(1, 2, 'contrast', 2), true);
});

test('an answer of the other version before the run does not count', () => {
  assert.equal(isBroken('contrast', 1, 2, 3), false);
});

test('one unit, or a version without another beside it, has to fail six times', () => {
  assert.equal(isBroken(1, 'contrast', 1, 1, 1, 1), false);
  assert.equal(isBroken(1, 'contrast', 1, 1, 1, 1, 1), true);
  assert.equal(isBroken(1, 2, 3, 4, 5), false);
  assert.equal(isBroken(1, 2, 3, 4, 5, 6), true);
});

test('an answer between, or a failure of the other version, ends the run', () => {
  assert.equal(isBroken(1, 'contrast', 2, 'blameless', 3, 4), false);
  assert.equal(isBroken(1, 'contrast', 2, 'blameless', 3, 4, 'contrast', 5), true);
});

test('what was broken stays so', () => {
  assert.equal(isBroken(1, 'contrast', 2, 3, 'blameless', 4, 'contrast'), true);
});
