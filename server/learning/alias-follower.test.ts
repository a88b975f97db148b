import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Aliases, noAliases } from '../../core/registry/aliases.ts';
import { until } from '../../test/until.ts';
import type { Adoption } from '../cluster/roster.ts';
import type { Unadopted } from '../rollout/alias-book.ts';
import { AliasFollower } from './alias-follower.ts';

test('others hear of what a replica cannot serve, once it can again, and people hear of it once', async () => {
  const told: (readonly [adapter: string, error: unknown])[] = [];
  const adoptions: Adoption[] = [];
  const problems: string[] = [];
  const error = new Error('no memory');
  let missed: Unadopted[] = [{ model: 'm', tenant: 't', adapter: 'v', error }];
  let move: (aliases: Aliases) => void = () => {};
  const follower = new AliasFollower({
    replica: {
      aliases: {
        read: async () => noAliases,
        replace: async () => true,
        onChange(listener) {
          move = listener;
          return () => {};
        },
      },
      fetchAdapter: async () => {},
      fetchBase: async () => {},
      tell: (_model, adapter, failure) => told.push([adapter, failure]),
      adopted: (adoption) => adoptions.push(adoption),
    },
    rollout: { adopt: async () => missed, baseOf: () => null },
    baseMoves: { to: async () => {} },
    models: ['m'],
    onProblem: (message) => problems.push(message),
  });
  move({ ...noAliases, revision: 7 });
  await until(() => told.length >= 2);
  assert.deepEqual(told.slice(0, 2), [
    ['v', error],
    ['v', error],
  ]);
  assert.equal(problems.length, 1, 'tried again, and told of once');
  missed = [];
  await until(() => told.at(-1)![1] === null);
  assert.deepEqual(told.at(-1), ['v', null]);
  const missing = [{ model: 'm', tenant: 't', version: 'v', reason: 'Error: no memory' }];
  assert.deepEqual(adoptions[0], { revision: 7, missing });
  await until(() => adoptions.at(-1)!.missing.length === 0);
  assert.equal(adoptions.at(-1)!.revision, 7);
  await follower.close();
});
