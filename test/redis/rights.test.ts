/** The rights that docs/replicas.md gives a user of Redis suffice for all that is shared, and reach no further. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { noAliases } from '../../core/registry/aliases.ts';
import { RedisAliases } from '../../server/redis/redis-aliases.ts';
import { RedisLeaderLock } from '../../server/redis/redis-leader-lock.ts';
import { RedisLimits } from '../../server/redis/redis-limits.ts';
import { RedisLink } from '../../server/redis/redis-link.ts';
import { RedisLogStream } from '../../server/redis/redis-log-stream.ts';
import { RedisObservations } from '../../server/redis/redis-observations.ts';
import { RedisRoster } from '../../server/redis/redis-roster.ts';
import { RedisShelf } from '../../server/redis/redis-shelf.ts';
import { repoRoot } from '../root.ts';
import { until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';

const documented = /`ACL SETUSER millrace on >… ([^`]+)`/;

async function useAll(link: RedisLink): Promise<void> {
  const lock = new RedisLeaderLock(link, { holder: 'one', ttlMs: 60_000 });
  const fence = (await lock.acquire())!;
  assert.equal(await lock.renew(fence), true);
  assert.equal((await lock.leader())?.fence, fence);
  await lock.release(fence);

  const aliases = new RedisAliases(link);
  let revision: number | null = null;
  aliases.onChange((now) => {
    revision = now?.revision ?? null;
  });
  await aliases.replace({ ...noAliases, revision: 1 }, { expectedRevision: 0, fence });
  await until(() => revision === 1, 'the change is heard of');
  await aliases.close();

  const observations = new RedisObservations<number>(link, 100);
  await observations.append([{ id: 'a', observation: 1 }]);
  const taken = await observations.take(10, 1_000);
  assert.equal(taken.length, 1);
  await observations.acknowledge(taken.map(({ receipt }) => receipt));
  assert.equal(await observations.size(), 0);
  await observations.close();

  const roster = new RedisRoster(link, { ttlMs: 60_000 });
  await roster.announce({
    ...{ id: 'a', url: null, filesUrl: null, role: 'learner', version: '1' },
    ...{ startedAt: '2026-01-01T00:00:00Z', aliasesRevision: 0, models: [] },
  });
  assert.equal((await roster.list()).length, 1);
  await roster.leave('a');

  const rates = { key: 'key', requestsPerMinute: 10, tokensPerMinute: 10 };
  const taking = await new RedisLimits(link).take(rates, 1);
  assert.equal(taking.taken, true);

  const shelf = new RedisShelf(link, 'response');
  await shelf.put('id', 'text', 60_000);
  assert.equal(await shelf.get('id'), 'text');

  const stream = new RedisLogStream({ link, name: 'feedback', maxEntries: 100 });
  const id = (await stream.append(['a line'], null))!;
  assert.equal(await stream.stateOf(id), 'held');
  assert.deepEqual((await stream.read('replica', 'new', 10)).entries, [{ id, text: 'a line' }]);
  assert.equal((await stream.read('replica', 'pending', 10)).entries.length, 1);
  await stream.acknowledge('replica', [id]);
  await stream.dropGroups(0);
}

test('rights as documented', { skip: noRedis }, async () => {
  const text = readFileSync(join(repoRoot, 'docs', 'replicas.md'), 'utf8');
  const rights = documented.exec(text)?.[1]?.split(' ');
  assert.ok(rights, 'docs/replicas.md says which rights are needed');
  const server = await RedisServer.start();
  await server.ask('acl', 'setuser', 'millrace', 'on', '>pass', ...rights);
  const problems: (string | null)[] = [];
  const link = new RedisLink({
    url: server.url.replace('redis://', 'redis://millrace:pass@'),
    name: 'millrace',
    client: 'test',
    commandMs: 5_000,
    random: Math.random,
    onState: ({ lastError }) => problems.push(lastError),
  });
  try {
    await link.up(10_000);
    await useAll(link);
    assert.deepEqual(await server.ask('acl', 'log'), [], 'nothing was denied');
    for (const work of [
      () => link.run((redis) => redis.get('{others}:key')),
      () => link.run((redis) => redis.flushall()),
      () => link.run((redis) => redis.config('SET', 'maxmemory', '1')),
    ]) {
      await assert.rejects(work(), /NOPERM/);
    }
  } finally {
    await link.close();
    await server.close();
  }
  assert.deepEqual(problems, [null], 'the connection stood all the time');
});
