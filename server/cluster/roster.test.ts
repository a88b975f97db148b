import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEnough, readinessOf } from './roster.ts';

test('readiness counts the replicas that serve the base, and no others', () => {
  const on = (base: string, ready: string[], refused: string[] = []) => ({
    models: [
      { model: 'a', base, ready, refused: refused.map((adapter) => ({ adapter, reason: 'no room' })) },
      { model: 'b', base: 'one', ready: ['x'], refused: [] },
    ],
  });
  const replicas = [
    on('one', ['x']),
    on('one', ['x', 'y']),
    on('one', [], ['x']),
    on('one', []),
    on('two', ['x']),
  ];
  const asked = { model: 'a', base: 'one', adapter: 'x' };
  assert.deepEqual(readinessOf(replicas, asked), { ready: 2, refused: 1, live: 4 });
  assert.equal(isEnough(readinessOf(replicas, asked), 50), true);
  assert.equal(isEnough(readinessOf(replicas, asked), 51), false);
  assert.equal(isEnough(readinessOf([], asked), 100), true);
});
