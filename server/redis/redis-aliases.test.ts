import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { type Aliases, noAliases, noTenantAliases } from '../../core/registry/aliases.ts';
import { noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { pause, until } from '../../test/until.ts';
import type { LeaderLock } from '../cluster/leader-lock.ts';
import { maxAliasesBytes, type SharedAliases } from '../cluster/shared-aliases.ts';
import { RedisAliases } from './redis-aliases.ts';
import { RedisLeaderLock } from './redis-leader-lock.ts';

const opened: SharedAliases[] = [];
after(() => Promise.all(opened.map((aliases) => aliases.close())));
const redis = redisFixture();

interface Place {
  /** What one replica has of it. */
  aliases(): SharedAliases;
  lock(holder: string): LeaderLock;
  /** Takes the document away. */
  lose(): Promise<void>;
}

const ttlMs = 60_000;
async function open(): Promise<Place> {
  const link = await redis.link();
  return {
    aliases: () => kept(new RedisAliases(link)),
    lock: (holder) => new RedisLeaderLock(link, { holder, ttlMs }),
    lose: async () => {
      await link.run((client) => client.del(link.key('aliases')));
    },
  };
}

function kept(aliases: SharedAliases): SharedAliases {
  opened.push(aliases);
  return aliases;
}

/** As the tenant's stable version has it. */
function documentOf(revision: number, stable: string | null = null): Aliases {
  const tenants = { 'ünï ☃ "tenant"': { ...noTenantAliases, stable } };
  return { ...noAliases, revision, models: { model: { base: 'sha256:0', tenants } } };
}

describe('aliases that are shared', { skip: noRedis }, () => {
  test('are none at first, and then what was written', async () => {
    const aliases = (await open()).aliases();
    assert.equal(await aliases.read(), null);
    const first = documentOf(1, 'a');
    assert.deepEqual(await aliases.replace(first, { expectedRevision: 0, fence: null }), {
      result: 'done',
    });
    assert.deepEqual(await aliases.read(), first);
  });

  test('are not replaced by who has not seen the change before, and tell it', async () => {
    const place = await open();
    const [one, other] = [place.aliases(), place.aliases()];
    await one.replace(documentOf(1, 'a'), { expectedRevision: 0, fence: null });
    const refused = await other.replace(documentOf(1, 'b'), { expectedRevision: 0, fence: null });
    assert.deepEqual(refused, { result: 'conflict', current: documentOf(1, 'a') });
    assert.deepEqual(await other.read(), documentOf(1, 'a'));
    await place.lose();
    const lost = await one.replace(documentOf(2, 'c'), { expectedRevision: 1, fence: null });
    assert.deepEqual(lost, { result: 'conflict', current: null });
  });

  test('lose no change, however many are made at once', async () => {
    const place = await open();
    const count = async (aliases: SharedAliases): Promise<void> => {
      for (;;) {
        const now = await aliases.read();
        const at = now?.revision ?? 0;
        const numbers = Number(now?.models.model?.tenants['ünï ☃ "tenant"']?.stable ?? 0);
        const next = documentOf(at + 1, String(numbers + 1));
        const { result } = await aliases.replace(next, { expectedRevision: at, fence: null });
        if (result === 'done') return;
      }
    };
    await Promise.all(Array.from({ length: 12 }, () => count(place.aliases())));
    assert.deepEqual(await place.aliases().read(), documentOf(12, '12'));
  });

  test('refuse a leader that a later one has followed, also before that one has written', async () => {
    const place = await open();
    const aliases = place.aliases();
    const [one, other] = [place.lock('one'), place.lock('other')];
    const first = (await one.acquire())!;
    const write = (revision: number, fence: number | null) =>
      aliases.replace(documentOf(revision), { expectedRevision: revision - 1, fence });
    assert.deepEqual(await write(1, first), { result: 'done' });
    await one.release(first);
    const second = (await other.acquire())!;
    assert.deepEqual(await write(2, first), { result: 'fenced' });
    assert.equal((await aliases.read())?.revision, 1);
    assert.deepEqual(await write(2, second), { result: 'done' });
    assert.deepEqual(await write(3, null), { result: 'done' }, 'what anybody may change');
    assert.deepEqual(await write(4, first), { result: 'fenced' });
  });

  test('tell who listens of what is there, of each change within a second or so, and of their loss', async () => {
    const place = await open();
    const [writer, reader] = [place.aliases(), place.aliases()];
    await writer.replace(documentOf(1), { expectedRevision: 0, fence: null });
    const heard: (number | null)[] = [];
    const stop = reader.onChange((aliases) => heard.push(aliases?.revision ?? null));
    await until(() => heard.length === 1, 'what is there is told');
    await writer.replace(documentOf(2), { expectedRevision: 1, fence: null });
    const tookMs = await until(() => heard.at(-1) === 2, 'the change is told', 2_500);
    assert.ok(tookMs < 900, `a hint comes at once, this took ${tookMs} ms`);
    await place.lose();
    await until(() => heard.at(-1) === null, 'the loss is told', 2_500);
    await writer.replace(documentOf(1), { expectedRevision: 0, fence: null });
    await until(() => heard.at(-1) === 1, 'a lower revision is a change', 2_500);
    stop();
    await writer.replace(documentOf(2), { expectedRevision: 1, fence: null });
    await pause(1_200);
    assert.deepEqual(heard, [1, 2, null, 1]);
  });

  test('refuse a document that is too large, and keep the one they have', async () => {
    const aliases = (await open()).aliases();
    await aliases.replace(documentOf(1), { expectedRevision: 0, fence: null });
    const tooLarge = documentOf(2, 'x'.repeat(maxAliasesBytes));
    await assert.rejects(
      aliases.replace(tooLarge, { expectedRevision: 1, fence: null }),
      (error) => error instanceof MillraceError && error.code === 'invalid_argument',
    );
    const large = documentOf(2, 'x'.repeat(maxAliasesBytes - 1_000));
    assert.deepEqual(await aliases.replace(large, { expectedRevision: 1, fence: null }), {
      result: 'done',
    });
    assert.deepEqual(await aliases.read(), large);
  });
});

test('a message that is missed changes nothing', { skip: noRedis }, async () => {
  const [one, other] = [await redis.link('unheard'), await redis.link('unheard')];
  const [writer, reader] = [kept(new RedisAliases(one)), kept(new RedisAliases(other))];
  const server = await redis.server();
  const heard: (number | null)[] = [];
  reader.onChange((aliases) => heard.push(aliases?.revision ?? null));
  await until(() => heard.length === 1, 'what is there is told');
  // As when messages are lost on their way: the document changes and nobody says so.
  await server.ask('hset', one.key('aliases'), 'revision', 5, 'document', JSON.stringify(documentOf(5)));
  await until(() => heard.at(-1) === 5, 'the change is found', 2_500);
  await writer.replace(documentOf(6), { expectedRevision: 5, fence: null });
  await until(() => heard.at(-1) === 6, 'and the next one is heard of', 2_500);
});
