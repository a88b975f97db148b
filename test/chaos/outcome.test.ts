import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKept, type Outcome, tableOf } from './outcome.ts';

const kept: Outcome = {
  ...{ seed: 3, seconds: 21.4, faults: { kill: 2, stop: 1 }, endings: { answer: 70, left: 5 } },
  ...{ learned: { rows: 9, trained: 4, dropped: 5, waiting: 0, versions: 2 }, complaints: [], said: '' },
};

test('a table names each seed, what was broken in it, and a run that did not come to its end', () => {
  const broken: Outcome = { ...kept, seed: 4, complaints: ['row r has no fate\nat all'] };
  const failed: Outcome = { seed: 5, seconds: 1, error: 'redis-server did not start' };
  assert.deepEqual([kept, broken, failed].map(isKept), [true, false, false]);
  const lines = tableOf([kept, broken, failed]).split('\n');
  const cells = lines.map((line) => line.trim().split(/\s+/));
  assert.deepEqual(cells[1], ['3', '3', '75', '70', '9', '2', '21', 's', 'kept']);
  assert.equal(lines[3]!.trim(), 'row r has no fate at all');
  assert.match(lines[5]!, /redis-server did not start/);
  assert.equal(lines.at(-1), '1 of 3 runs kept every promise; not 4, 5');
});
