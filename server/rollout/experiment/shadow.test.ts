import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShadowComparison } from './shadow.ts';

const answer = (text: string, durationMs = 100) => ({ text, durationMs });

test('answers are counted, compared and timed', () => {
  const comparison = new ShadowComparison();
  comparison.record({ shown: answer('one two', 100), shadow: answer('one two', 300) });
  comparison.record({ shown: answer('one two three', 200), shadow: answer('one', 500) });
  comparison.record({ shown: answer('one', 300), shadow: null });
  const report = comparison.report();
  assert.equal(report.numPairs, 3);
  assert.equal(report.numFailures, 1);
  assert.equal(report.equalShare, 0.5);
  assert.equal(report.meanOverlap, (1 + 2 / 4) / 2);
  assert.ok(Math.abs(report.lengthRatio! - Math.sqrt((3 / 3) * (2 / 4))) < 1e-12);
  assert.deepEqual(report.durationMs.shown, { mean: 200, p95: 290 });
  assert.deepEqual(report.durationMs.shadow, { mean: 400, p95: 490 });
});

test('twice as long and half as long cancel out', () => {
  const comparison = new ShadowComparison();
  comparison.record({ shown: answer('a b c'), shadow: answer('a') });
  comparison.record({ shown: answer('a'), shadow: answer('a b c') });
  assert.ok(Math.abs(comparison.report().lengthRatio! - 1) < 1e-12);
});

test('nothing is said of nothing', () => {
  const comparison = new ShadowComparison();
  comparison.record({ shown: answer('a'), shadow: null });
  const { equalShare, meanOverlap, lengthRatio, durationMs, numFailures } = comparison.report();
  assert.deepEqual([equalShare, meanOverlap, lengthRatio, durationMs.shadow], [null, null, null, null]);
  assert.equal(numFailures, 1);
});

test('no text is kept unless asked for', () => {
  const comparison = new ShadowComparison();
  comparison.record({ shown: answer('secret-a'), shadow: answer('secret-b') });
  assert.deepEqual(comparison.report().examples, []);
  assert.ok(!JSON.stringify(comparison).includes('secret'));
});

test('the latest differing texts are kept, no more and no longer than allowed', () => {
  const comparison = new ShadowComparison({ numExamples: 2 });
  for (const text of ['1', '2', 'x'.repeat(5000), '4'])
    comparison.record({ shown: answer(text), shadow: answer('4') });
  const { examples } = comparison.report();
  assert.deepEqual(
    examples.map(({ shown }) => shown.length),
    [1, 2000],
  );
  assert.deepEqual(examples[0], { shown: '2', shadow: '4', overlap: 0 });
  assert.throws(() => new ShadowComparison({ numExamples: 21 }), /20/);
});
