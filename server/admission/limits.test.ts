/** One suite for what counts limits: in memory, in Redis, and in Redis by several processes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { createRng } from '../../core/rng.ts';
import { type Implementation, noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { repoRoot } from '../../test/root.ts';
import { pause } from '../../test/until.ts';
import { RedisLimits } from '../redis/redis-limits.ts';
import { FallbackLimits } from './fallback-limits.ts';
import type { Limits, Taking } from './limits.ts';
import { MemoryLimits } from './memory-limits.ts';

const redis = redisFixture();

const implementations: readonly Implementation<Limits>[] = [
  { name: 'in memory', skip: false, open: async () => new MemoryLimits(systemClock) },
  { name: 'in Redis', skip: noRedis, open: async () => new RedisLimits(await redis.link()) },
];

/** Refills by one in ten minutes: what these tests take does not come back while they run. */
const ratesOf = (requestsPerMinute: number, tokensPerMinute = 0, key = 'somebody "ä"') => ({
  key,
  requestsPerMinute,
  tokensPerMinute,
});

function taken(taking: Taking): Extract<Taking, { taken: true }> {
  if (!taking.taken) assert.fail(`refused: ${taking.limit}`);
  return taking;
}

function refused(taking: Taking): Extract<Taking, { taken: false }> {
  if (taking.taken) assert.fail('let in');
  return taking;
}

for (const { name, skip, open } of implementations) {
  describe(`limits ${name}`, { skip }, () => {
    test('let in as many requests as a minute has, and say when the next one may come', async () => {
      const limits = await open();
      const rates = ratesOf(3);
      for (const remaining of [2, 1, 0]) {
        const { budgets } = taken(await limits.take(rates, 1_000_000));
        assert.equal(budgets.requests?.limit, 3);
        assert.equal(budgets.requests.remaining, remaining);
        const fullMs = (3 - remaining) * 20_000;
        assert.ok(budgets.requests.resetMs > fullMs - 2_000 && budgets.requests.resetMs <= fullMs);
        assert.equal(budgets.tokens, null);
      }
      const { limit, retryAfterMs } = refused(await limits.take(rates, 1));
      assert.equal(limit, 'requests');
      assert.ok(retryAfterMs > 18_000 && retryAfterMs <= 20_000, `${retryAfterMs}`);
    });

    test('refill all the time, up to a full minute', async () => {
      const limits = await open();
      const rates = ratesOf(600); // one in 100 ms
      for (let i = 0; i < 600; i++) taken(await limits.take(rates, 0));
      const { retryAfterMs } = refused(await takeUntilRefused(limits, rates));
      assert.ok(retryAfterMs >= 1 && retryAfterMs <= 100);
      await pause(retryAfterMs + 5);
      taken(await limits.take(rates, 0));
    });

    test('a request that is refused for its tokens takes nothing', async () => {
      const limits = await open();
      const rates = ratesOf(2, 100);
      taken(await limits.take(rates, 60));
      for (let i = 0; i < 3; i++) assert.equal(refused(await limits.take(rates, 60)).limit, 'tokens');
      const { budgets } = taken(await limits.take(rates, 30));
      assert.equal(budgets.requests?.remaining, 0);
      assert.equal(budgets.tokens?.remaining, 10);
    });

    test('tokens that were not used come back, and those used beyond are taken', async () => {
      const limits = await open();
      const rates = ratesOf(0, 100);
      const first = taken(await limits.take(rates, 100));
      refused(await limits.take(rates, 50));
      await first.settle(60);
      const second = taken(await limits.take(rates, 50));
      assert.equal(second.budgets.tokens?.remaining, 10);
      await second.settle(-30);
      const { retryAfterMs } = refused(await limits.take(rates, 1));
      assert.ok(retryAfterMs > 11_000 && retryAfterMs <= 13_000, `20 tokens too many: ${retryAfterMs}`);
      await second.settle(1_000_000);
      assert.equal(taken(await limits.take(rates, 1)).budgets.tokens?.remaining, 99, 'never above a minute');
    });

    test('a request larger than a minute is let in when the minute is full, and the next ones wait', async () => {
      const limits = await open();
      const rates = ratesOf(0, 100);
      const { budgets } = taken(await limits.take(rates, 250));
      assert.equal(budgets.tokens?.remaining, 0);
      const { retryAfterMs } = refused(await limits.take(rates, 100));
      assert.ok(retryAfterMs > 145_000 && retryAfterMs <= 150_000, `${retryAfterMs}`);
    });

    test('keys do not take from each other', async () => {
      const limits = await open();
      taken(await limits.take(ratesOf(1, 0, 'one'), 0));
      refused(await limits.take(ratesOf(1, 0, 'one'), 0));
      taken(await limits.take(ratesOf(1, 0, 'other'), 0));
    });

    test('of many that ask at once no more are let in than there is room for', async () => {
      const limits = await open();
      const takings = await Promise.all(Array.from({ length: 200 }, () => limits.take(ratesOf(50), 0)));
      assert.equal(takings.filter((taking) => taking.taken).length, 50);
    });
  });
}

async function takeUntilRefused(limits: Limits, rates: ReturnType<typeof ratesOf>): Promise<Taking> {
  for (let i = 0; i < 100; i++) {
    const taking = await limits.take(rates, 0);
    if (!taking.taken) return taking;
  }
  return assert.fail('never refused');
}

test('Redis answers as memory does, whatever is asked', { skip: noRedis }, async () => {
  const memory = new MemoryLimits(systemClock);
  const shared = new RedisLimits(await redis.link());
  const seed = Date.now() >>> 0;
  const rng = createRng(seed);
  const rates = ratesOf(40, 5_000);
  for (let i = 0; i < 150; i++) {
    const tokens = Math.floor(rng.next() * 400);
    const [one, other] = [await memory.take(rates, tokens), await shared.take(rates, tokens)];
    assert.equal(one.taken, other.taken, `step ${i} of seed ${seed}`);
    if (!one.taken || !other.taken) {
      if (one.taken || other.taken) continue;
      assert.equal(one.limit, other.limit);
      assert.ok(Math.abs(one.retryAfterMs - other.retryAfterMs) < 500, `step ${i} of seed ${seed}`);
      break; // from here on a few milliseconds decide
    }
    const apart = Math.abs(one.budgets.tokens!.remaining - other.budgets.tokens!.remaining);
    assert.ok(apart <= 50, `step ${i} of seed ${seed}: ${apart} tokens apart`);
    const unused = Math.floor((rng.next() - 0.2) * tokens);
    await Promise.all([one.settle(unused), other.settle(unused)]);
  }
});

test('a key that is not used leaves nothing in Redis', { skip: noRedis }, async () => {
  const link = await redis.link();
  const limits = new RedisLimits(link);
  taken(await limits.take(ratesOf(60_000, 0, 'gone'), 0));
  const ttl = await link.run((client) => client.pttl(link.key('limits', 'gone')));
  assert.ok(ttl > 0 && ttl <= 1_001, `${ttl}`);
});

/** Takes as fast as it can until a time of Redis', and says how many it was given. */
const hammer = `
  import { RedisLimits } from './dist/server/redis/redis-limits.js';
  import { RedisLink } from './dist/server/redis/redis-link.js';
  const [url, perMinute] = process.argv.slice(1);
  const link = new RedisLink({ url, name: 'hammered', client: 'hammer', commandMs: 2000, random: Math.random });
  while (!link.state().isUp) await new Promise((resolve) => setTimeout(resolve, 5));
  const limits = new RedisLimits(link);
  const rates = { key: 'key', requestsPerMinute: Number(perMinute), tokensPerMinute: 0 };
  console.log('ready');
  process.stdin.once('data', async (line) => {
    const endMs = Number(line);
    let count = 0;
    const now = async () => { const [s, us] = await link.run((redis) => redis.time()); return s * 1000 + us / 1000; };
    const one = async () => {
      while ((await now()) < endMs) if ((await limits.take(rates, 0)).taken) count++;
    };
    await Promise.all([one(), one(), one(), one()]);
    console.log('count ' + count);
    await link.close();
    process.exit(0);
  });
`;

test('three processes that ask for one key get what one would get, within 2 %', {
  skip: noRedis,
}, async () => {
  const perMinute = 6_000;
  const seconds = 5;
  const server = await redis.server();
  const link = await redis.link('hammered');
  const processes = await Promise.all(Array.from({ length: 3 }, () => hammerAt(server.url, perMinute)));
  const [beginSeconds] = await link.run((client) => client.time());
  const beginMs = Number(beginSeconds) * 1000;
  // Nothing is saved up from before.
  const bucket = link.key('limits', 'key');
  await link.run((client) => client.hset(bucket, 'requests', 0, 'at', beginMs));
  const counts = await Promise.all(processes.map((each) => each.count(beginMs + seconds * 1000)));
  const [at, level] = await link.run((client) => client.hmget(bucket, 'at', 'requests'));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const refilled = ((Number(at) - beginMs) * perMinute) / 60_000;
  const expected = refilled - Number(level);
  assert.ok(Math.abs(total - expected) / expected < 0.02, `${total} (${counts}) of ${expected}`);
  for (const count of counts) assert.ok(count > 0, 'each of them had a share');
});

async function hammerAt(url: string, perMinute: number) {
  const args = ['--input-type=module', '-e', hammer, url, String(perMinute)];
  const child = spawn(process.execPath, args, { cwd: repoRoot, stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  const saying = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (let i = 0; i < 2_000; i++) {
      const match = pattern.exec(said);
      if (match !== null) return match;
      await pause(10);
    }
    child.kill('SIGKILL');
    return assert.fail(`the process said: ${said}`);
  };
  await saying(/ready/);
  return {
    async count(endMs: number): Promise<number> {
      child.stdin.write(`${endMs}\n`);
      return Number((await saying(/count (\d+)/))[1]);
    },
  };
}

describe('without what the replicas share', () => {
  const unreachable: Limits = {
    take: () => Promise.reject(new MillraceError('cluster_unavailable', { reason: 'test', retryAfterMs: 7 })),
  };
  const local = () => new MemoryLimits(systemClock);

  test('requests are counted here, let in or refused, as was said', async () => {
    const counted = new FallbackLimits(unreachable, local(), 'local');
    taken(await counted.take(ratesOf(1), 0));
    refused(await counted.take(ratesOf(1), 0));
    const open = new FallbackLimits(unreachable, local(), 'open');
    for (let i = 0; i < 5; i++) {
      const { budgets, settle } = taken(await open.take(ratesOf(1), 0));
      assert.deepEqual(budgets, { requests: null, tokens: null });
      await settle(1);
    }
    const closed = new FallbackLimits(unreachable, local(), 'closed');
    await assert.rejects(
      closed.take(ratesOf(1), 0),
      (error) => error instanceof MillraceError && error.code === 'cluster_unavailable',
    );
  });

  test('a mistake of ours is no reason to count otherwise', async () => {
    const broken: Limits = { take: () => Promise.reject(new TypeError('a bug')) };
    await assert.rejects(new FallbackLimits(broken, local(), 'open').take(ratesOf(1), 0), TypeError);
  });
});
