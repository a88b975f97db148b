import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../rng.ts';
import { sampleRatioTest } from './sample-ratio.ts';

test('counts just as asked for match, and shares may have any sum', () => {
  const wanted = { statistic: 0, pValue: 1, verdict: 'matched' };
  assert.deepEqual(sampleRatioTest([950, 50], [0.95, 0.05]), wanted);
  assert.deepEqual(sampleRatioTest([950, 50], [19, 1]), wanted);
});

test('of right splits, as many are mismatched as the threshold says', () => {
  const rng = createRng(1);
  const numRuns = 2000;
  let alarms = 0;
  for (let run = 0; run < numRuns; run++) {
    const counts = [0, 0, 0];
    for (let user = 0; user < 600; user++) {
      const at = rng.next();
      counts[at < 0.7 ? 0 : at < 0.9 ? 1 : 2]!++;
    }
    if (sampleRatioTest(counts, [7, 2, 1], { threshold: 0.05 })!.verdict === 'mismatched') alarms++;
  }
  // Four standard errors.
  assert.ok(Math.abs(alarms / numRuns - 0.05) < 0.02, `${alarms} alarms`);
});

test('a loss of one in twenty from one arm is seen in 10,000 users', () => {
  assert.equal(sampleRatioTest([5000, 4750], [1, 1])!.verdict, 'matched');
  assert.equal(sampleRatioTest([10_000, 9500], [1, 1])!.verdict, 'mismatched');
});

test('too few to tell is no answer', () => {
  assert.equal(sampleRatioTest([90, 0], [0.95, 0.05]), null);
  assert.equal(sampleRatioTest([0, 0], [1, 1]), null);
});

test('shares must fit the arms', () => {
  assert.throws(() => sampleRatioTest([5, 5], [1]), /share/);
  assert.throws(() => sampleRatioTest([5, 5], [1, 0]), /share/);
});
