/** One suite for every channel of observations, and the outbox in front of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { type Implementation, noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { pause, until } from '../../test/until.ts';
import { RedisObservations } from '../redis/redis-observations.ts';
import { FakeObservations } from './fake-observations.ts';
import { maxBatch, type ObservationChannel, type Observed } from './observation-channel.ts';
import { ObservationOutbox } from './observation-outbox.ts';
import { RecentIds } from './recent-ids.ts';

interface Thing {
  readonly number: number;
  readonly text: string;
}
/** Ways to one channel, as several processes have them. */
type Way = () => ObservationChannel<Thing>;

const redis = redisFixture();

const implementations: readonly Implementation<(max: number) => Way>[] = [
  {
    name: 'in memory',
    skip: false,
    open: async () => (max) => {
      const channel = new FakeObservations<Thing>(max);
      return () => channel;
    },
  },
  {
    name: 'in Redis',
    skip: noRedis,
    async open() {
      const link = await redis.link();
      return (max) => () => new RedisObservations<Thing>(link, max);
    },
  },
];

const things = (from: number, count: number): Observed<Thing>[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `origin-${from + index}`,
    observation: { number: from + index, text: 'ünï ☃\n"' },
  }));

const numbersOf = (taken: readonly Observed<Thing>[]): number[] =>
  taken.map(({ observation }) => observation.number);

for (const { name, skip, open } of implementations) {
  describe(`observations ${name}`, { skip }, () => {
    test('come as they were given, in order, from all that give some', async () => {
      const way = (await open())(1_000);
      const [follower, other, learner] = [way(), way(), way()];
      await follower.append(things(0, 3));
      await other.append(things(3, 2));
      assert.equal(await learner.size(), 5);
      const taken = await learner.take(100, 0);
      assert.deepEqual(
        taken.map(({ id, observation }) => ({ id, observation })),
        things(0, 5),
      );
    });

    test('come again until they are acknowledged, also to the next process, and then no more', async () => {
      const way = (await open())(1_000);
      const learner = way();
      await learner.append(things(0, 4));
      const first = await learner.take(2, 0);
      assert.deepEqual(numbersOf(first), [0, 1]);
      assert.deepEqual(await way().take(2, 0), first, 'the one before has died');
      await learner.acknowledge([first[0]!.receipt]);
      assert.deepEqual(numbersOf(await learner.take(10, 0)), [1]);
      await learner.acknowledge([first[1]!.receipt]);
      const rest = await learner.take(10, 0);
      assert.deepEqual(numbersOf(rest), [2, 3]);
      await learner.acknowledge(rest.map(({ receipt }) => receipt));
      assert.deepEqual(await learner.take(10, 0), []);
      assert.equal(await learner.size(), 0);
    });

    test('what was appended twice has one id', async () => {
      const learner = (await open())(1_000)();
      await learner.append(things(0, 2));
      await learner.append(things(0, 2));
      const seen = new RecentIds(100);
      const taken = await learner.take(10, 0);
      assert.deepEqual(numbersOf(taken.filter(({ id }) => seen.add(id))), [0, 1]);
    });

    test('are waited for, no longer than was said', async () => {
      const way = (await open())(1_000);
      const learner = way();
      const beginMs = performance.now();
      assert.deepEqual(await learner.take(10, 300), []);
      const tookMs = performance.now() - beginMs;
      assert.ok(tookMs >= 290 && tookMs < 1_500, `${tookMs}`);
      const waiting = learner.take(10, 5_000);
      await pause(100);
      await way().append(things(7, 1));
      assert.deepEqual(numbersOf(await waiting), [7]);
    });

    test('are bounded: the oldest go, also those that were taken', async () => {
      const max = 1_000;
      const learner = (await open())(max)();
      await learner.append(things(0, 5));
      assert.equal((await learner.take(5, 0)).length, 5);
      for (let from = 5; from < 4_005; from += maxBatch) await learner.append(things(from, maxBatch));
      const size = await learner.size();
      assert.ok(size >= max && size <= max + 200, `${size} are kept`);
      const taken = await learner.take(10, 0);
      assert.equal(taken.length, 10, 'who took some that are gone gets the next');
      assert.ok(numbersOf(taken)[0]! > 2_000);
    });

    test('refuse what is too much at once, or too large', async () => {
      const learner = (await open())(1_000)();
      const wrong = [
        things(0, maxBatch + 1),
        [{ id: '', observation: { number: 0, text: '' } }],
        [{ id: 'a', observation: { number: 0, text: 'x'.repeat(100_000) } }],
      ];
      for (const observations of wrong) {
        await assert.rejects(
          learner.append(observations),
          (error) => error instanceof MillraceError && error.code === 'invalid_argument',
        );
      }
      await learner.append([]);
      assert.equal(await learner.size(), 0);
    });

    test('go through an outbox, which keeps what could not be sent', async () => {
      const learner = (await open())(1_000)();
      let isDown = true;
      const lost: number[] = [];
      const outbox = new ObservationOutbox<Thing>(
        {
          async append(observations) {
            if (isDown) throw new MillraceError('cluster_unavailable', { reason: 'test', retryAfterMs: 1 });
            await learner.append(observations);
          },
        },
        { origin: 'process', max: 5, onLost: (count) => lost.push(count) },
      );
      for (const { observation } of things(0, 7)) outbox.add(observation);
      outbox.add({ number: 99, text: 'x'.repeat(100_000) });
      assert.deepEqual(lost, [1, 1, 1]);
      await pause(150);
      assert.equal(outbox.numWaiting, 5);
      isDown = false;
      await until(() => outbox.numWaiting === 0, 'they are sent', 3_000);
      const taken = await learner.take(10, 0);
      assert.deepEqual(numbersOf(taken), [2, 3, 4, 5, 6]);
      assert.equal(new Set(taken.map(({ id }) => id)).size, 5);
      await learner.acknowledge(taken.map(({ receipt }) => receipt));
      outbox.add(things(7, 1)[0]!.observation);
      await outbox.close();
      assert.deepEqual(numbersOf(await learner.take(10, 0)), [7]);
    });
  });
}

test('what followers say while Redis has lost everything is read', { skip: noRedis }, async () => {
  const link = await redis.link();
  const learner = new RedisObservations<Thing>(link, 100);
  await learner.append(things(0, 1));
  await learner.take(10, 0);
  await (await redis.server()).ask('del', link.key('observations'));
  await learner.append(things(1, 1));
  assert.deepEqual(numbersOf(await learner.take(10, 0)), [1]);
});

test('of those that were taken and are gone, or that cannot be read, Redis keeps nothing', {
  skip: noRedis,
}, async () => {
  const link = await redis.link();
  const learner = new RedisObservations<Thing>(link, 100);
  await learner.append(things(0, 20));
  await learner.take(20, 0);
  const server = await redis.server();
  await server.ask('xtrim', link.key('observations'), 'MAXLEN', 0);
  await server.ask('xadd', link.key('observations'), '*', 'id', 'strange', 'observation', 'no JSON');
  await learner.append(things(20, 1));
  assert.deepEqual(numbersOf(await learner.take(1, 0)), [], 'what nobody of ours has written is passed over');
  assert.deepEqual(numbersOf(await learner.take(20, 0)), [20]);
  const [pending] = (await server.ask('xpending', link.key('observations'), 'learner')) as [number];
  assert.equal(pending, 1);
});

test('recent ids are bounded, and can be taken up again', () => {
  const ids = new RecentIds(2);
  assert.deepEqual([ids.add('a'), ids.add('a'), ids.add('b'), ids.add('c')], [true, false, true, true]);
  assert.equal(ids.add('a'), true, 'the oldest was forgotten');
  const again = new RecentIds(2, ids.ids());
  assert.deepEqual([again.add('c'), again.add('a'), again.add('b')], [false, false, true]);
});
