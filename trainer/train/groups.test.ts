import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupsOf } from './groups.ts';

test('groups hold so many tokens at most, and keep the order', () => {
  const items = [3, 4, 2, 9, 1, 1, 6].map((numTokens, at) => ({ numTokens, at }));
  const groups = groupsOf(items, ({ numTokens }) => numTokens, 7);
  assert.deepEqual(groups.flat(), items);
  assert.deepEqual(
    groups.map((group) => group.map(({ numTokens }) => numTokens)),
    [[3, 4], [2], [9], [1, 1], [6]],
  );
  assert.deepEqual(
    groupsOf([], () => 1, 7),
    [],
  );
});
