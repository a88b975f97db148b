import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { pause } from '../../test/until.ts';
import { maxReplicas, type ReplicaStatus, type Roster } from '../cluster/roster.ts';
import { RedisRoster } from './redis-roster.ts';

const redis = redisFixture();

const open = async (ttlMs: number): Promise<Roster> => new RedisRoster(await redis.link(), { ttlMs });

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

describe('the roster', { skip: noRedis }, () => {
  test('lists who has announced itself, with what was said last and how long ago', async () => {
    const roster = await open(60_000);
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
    const roster = await open(800);
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
    const roster = await open(60_000);
    await roster.announce(statusOf('a'));
    await roster.announce(statusOf('b'));
    await roster.leave('a');
    await roster.leave('nobody');
    assert.deepEqual(await idsOf(roster), ['b']);
  });

  test('refuses a status that is too large, and replicas beyond its bound', async () => {
    const roster = await open(60_000);
    await assert.rejects(
      roster.announce(statusOf('a', { url: 'x'.repeat(300_000) })),
      (error) => error instanceof MillraceError && error.code === 'invalid_argument',
    );
    for (let i = 0; i < maxReplicas + 5; i++) await roster.announce(statusOf(`r${i}`, { models: [] }));
    assert.equal((await roster.list()).length, maxReplicas);
  });
});

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
