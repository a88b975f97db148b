import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markFirst, newUnit, UnitTable } from './unit-table.ts';

test('the units that were silent for longest are forgotten', () => {
  const table = new UnitTable(3);
  for (const unit of [1, 2, 3]) table.put(unit, newUnit('stable'));
  table.put(1, table.get(1)!);
  table.put(4, newUnit('canary'));
  assert.equal(table.get(2), null);
  assert.deepEqual(
    table.state().map(([unit]) => unit),
    [3, 1, 4],
  );
});

test('a mark is new once', () => {
  const entry = newUnit('stable');
  assert.equal(markFirst(entry, 'tpot'), true);
  assert.equal(markFirst(entry, 'failed'), true);
  assert.equal(markFirst(entry, 'tpot'), false);
  assert.equal(markFirst(entry, 'ttft'), true);
});

test('a table read from its state is the same', () => {
  const table = new UnitTable(10);
  const entry = table.put(2 ** 53 - 1, {
    ...newUnit('canary'),
    answers: 3,
    quality: -0.5,
    ratings: 2,
    earlier: 0,
  });
  markFirst(entry, 'corrected');
  table.put(7, newUnit('stable'));
  const copy = new UnitTable(10, JSON.parse(JSON.stringify(table.state())));
  assert.deepEqual(copy.get(2 ** 53 - 1), entry);
  assert.deepEqual(copy.get(7), newUnit('stable'));
  assert.deepEqual(copy.state(), table.state());
});
