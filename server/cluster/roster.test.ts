import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEnough, type ReplicaStatus, readinessOf, withReadiness } from './roster.ts';

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

test('a replica is ready when it has followed the latest aliases, and misses nothing of them', () => {
  const missing = [{ model: 'm', tenant: 't', version: 'v', reason: 'no memory' }];
  const of = (id: string, aliasesRevision: number, adoption?: ReplicaStatus['adoption']) => ({
    id,
    aliasesRevision,
    ...(adoption === undefined ? {} : { adoption }),
  });
  const replicas = [
    of('there', 5, { revision: 5, missing: [] }),
    of('has heard, and not followed', 5, { revision: 4, missing: [] }),
    of('has not heard', 4, { revision: 4, missing: [] }),
    of('cannot', 5, { revision: 5, missing }),
    of('an earlier program', 5),
  ];
  const ready = withReadiness(replicas).filter(({ isReady }) => isReady);
  assert.deepEqual(
    ready.map(({ id }) => id),
    ['there', 'an earlier program'],
  );
});
