/** One suite for every roster. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { type Implementation, noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { pause } from '../../test/redis/redis-server.ts';
import { RedisRoster } from '../redis/redis-roster.ts';
import { MemoryRoster } from './memory-roster.ts';
import {
  isEnough,
  maxReplicas,
  type ReplicaStatus,
  type Roster,
  readinessOf,
  withReadiness,
} from './roster.ts';

const redis = redisFixture();

const implementations: readonly Implementation<(ttlMs: number) => Roster>[] = [
  {
    name: 'in memory',
    skip: false,
    open: async () => (ttlMs) => new MemoryRoster({ clock: systemClock, ttlMs }),
  },
  {
    name: 'in Redis',
    skip: noRedis,
    async open() {
      const link = await redis.link();
      return (ttlMs) => new RedisRoster(link, { ttlMs });
    },
  },
];

function statusOf(id: string, more: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return {
    id,
    url: `http://${id}:8080`,
    filesUrl: null,
    role: 'follower',
    version: '0.1.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    aliasesRevision: 7,
    models: [
      {
        model: 'a',
        base: 'sha256:0',
        ready: ['x'],
        refused: [{ adapter: 'y', reason: 'not enough memory' }],
      },
    ],
    ...more,
  };
}

const idsOf = async (roster: Roster): Promise<string[]> => (await roster.list()).map(({ id }) => id);

for (const { name, skip, open } of implementations) {
  describe(`the roster ${name}`, { skip }, () => {
    test('lists who has announced itself, with what was said last and how long ago', async () => {
      const roster = (await open())(60_000);
      assert.deepEqual(await roster.list(), []);
      await roster.announce(statusOf('b'));
      await roster.announce(statusOf('ä "1"', { role: 'learner', url: null }));
      await roster.announce(statusOf('b', { aliasesRevision: 8 }));
      await pause(60);
      const replicas = await roster.list();
      assert.deepEqual(
        replicas.map(({ seenMsAgo, ...status }) => status),
        [statusOf('b', { aliasesRevision: 8 }), statusOf('ä "1"', { role: 'learner', url: null })],
      );
      for (const { seenMsAgo } of replicas) assert.ok(seenMsAgo >= 50 && seenMsAgo < 5_000, `${seenMsAgo}`);
    });

    test('forgets who is silent, not who goes on', async () => {
      const roster = (await open())(800);
      await roster.announce(statusOf('silent'));
      for (let beat = 0; beat < 5; beat++) {
        await roster.announce(statusOf('alive'));
        await pause(200);
      }
      assert.deepEqual(await idsOf(roster), ['alive']);
      await pause(800);
      assert.deepEqual(await idsOf(roster), []);
      await roster.announce(statusOf('silent'));
      assert.deepEqual(await idsOf(roster), ['silent']);
    });

    test('forgets at once who leaves', async () => {
      const roster = (await open())(60_000);
      await roster.announce(statusOf('a'));
      await roster.announce(statusOf('b'));
      await roster.leave('a');
      await roster.leave('nobody');
      assert.deepEqual(await idsOf(roster), ['b']);
    });

    test('refuses a status that is too large, and replicas beyond its bound', async () => {
      const roster = (await open())(60_000);
      await assert.rejects(
        roster.announce(statusOf('a', { url: 'x'.repeat(300_000) })),
        (error) => error instanceof MillraceError && error.code === 'invalid_argument',
      );
      for (let i = 0; i < maxReplicas + 5; i++) await roster.announce(statusOf(`r${i}`, { models: [] }));
      assert.equal((await roster.list()).length, maxReplicas);
    });
  });
}

test('of who is silent Redis keeps nothing, nor of all when all are', { skip: noRedis }, async () => {
  const [link, server] = [await redis.link(), await redis.server()];
  const roster = new RedisRoster(link, { ttlMs: 100 });
  const [seen, said] = [link.key('replicas', 'seen'), link.key('replicas', 'said')];
  await roster.announce(statusOf('silent'));
  await pause(150);
  await roster.announce(statusOf('alive'));
  assert.equal(await server.ask('zcard', seen), 1);
  assert.equal(await server.ask('hlen', said), 1);
  await pause(300);
  assert.equal(await server.ask('exists', seen, said), 0);
});

test('readiness counts the replicas that serve the base, and no others', () => {
  const on = (base: string, ready: string[], refused: string[] = []): ReplicaStatus =>
    statusOf(base + ready, {
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
  const of = (id: string, aliasesRevision: number, adoption?: ReplicaStatus['adoption']) =>
    statusOf(id, { aliasesRevision, ...(adoption === undefined ? {} : { adoption }) });
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
