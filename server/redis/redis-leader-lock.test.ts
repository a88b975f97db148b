/** Who leads, by turns, and what a process that was stopped finds out. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { repoRoot } from '../../test/root.ts';
import { pause, until } from '../../test/until.ts';
import type { LeaderLock } from '../cluster/leader-lock.ts';
import { Leadership } from '../cluster/leadership.ts';
import { RedisLeaderLock } from './redis-leader-lock.ts';

const redis = redisFixture();

/** Processes by name that ask for the same lock. */
type Contest = (holder: string, ttlMs: number) => LeaderLock;

async function open(): Promise<Contest> {
  const link = await redis.link();
  return (holder, ttlMs) => new RedisLeaderLock(link, { holder, ttlMs });
}

const longMs = 60_000;

describe("the leader's lock", { skip: noRedis }, () => {
  test('is had by one at a time, and by the next one when it is given up', async () => {
    const contest = await open();
    const [one, other] = [contest('one', longMs), contest('other', longMs)];
    assert.equal(await one.leader(), null);
    const fence = await one.acquire();
    assert.ok(Number.isSafeInteger(fence));
    assert.equal(await other.acquire(), null);
    assert.deepEqual(await other.leader(), { holder: 'one', fence });
    assert.equal(await one.renew(fence!), true);
    await one.release(fence!);
    assert.equal(await other.leader(), null);
    assert.equal(await one.renew(fence!), false);
    assert.ok((await other.acquire())! > fence!);
  });

  test('of many that ask at once one gets it', async () => {
    const contest = await open();
    const asked = Array.from({ length: 20 }, (_, index) => contest(`holder ${index}`, longMs).acquire());
    const fences = (await Promise.all(asked)).filter((fence) => fence !== null);
    assert.equal(fences.length, 1);
    assert.equal((await contest('last', longMs).leader())?.fence, fences[0]);
  });

  test('ends with its time, and who had it finds out when it renews', async () => {
    const contest = await open();
    const [one, other] = [contest('one', 1_500), contest('other', longMs)];
    const first = await one.acquire();
    await pause(900);
    assert.equal(await one.renew(first!), true);
    await pause(900);
    assert.equal(await other.acquire(), null, 'it was renewed');
    let second: number | null = null;
    await until(async () => (second = await other.acquire()) !== null, 'its time ends');
    assert.ok(second! > first!);
    assert.equal(await one.renew(first!), false);
    await one.release(first!);
    assert.equal((await other.leader())?.fence, second, 'a late release takes nothing away');
    assert.equal(await other.renew(second!), true);
  });

  test('is lost with its time also where nobody else asked', async () => {
    const lock = (await open())('one', 50);
    const first = await lock.acquire();
    await pause(100);
    assert.equal(await lock.renew(first!), false);
    assert.ok((await lock.acquire())! > first!);
  });

  test('tokens grow over many terms, whoever has them', async () => {
    const contest = await open();
    const fences: number[] = [];
    for (let term = 0; term < 20; term++) {
      const lock = contest(`holder ${term % 3}`, longMs);
      const fence = await lock.acquire();
      assert.ok(fence !== null);
      fences.push(fence);
      await lock.release(fence);
    }
    assert.deepEqual(
      fences,
      [...new Set(fences)].sort((a, b) => a - b),
    );
  });

  test('a leadership renews it, hands it over when closed, and ends by its own clock when stopped', async () => {
    const contest = await open();
    let offsetMs = 0;
    const heard: (number | null)[] = [];
    const lead = (holder: string, onChange: (fence: number | null) => void = () => {}) =>
      new Leadership({
        lock: contest(holder, 1_000),
        ttlMs: 1_000,
        nowMs: () => performance.now() + offsetMs,
        onChange,
      });
    const one = lead('one', (fence) => heard.push(fence));
    await one.asked();
    const first = one.fence();
    assert.ok(first !== null);
    await pause(1_300);
    assert.equal(one.fence(), first, 'it was renewed');
    const other = lead('other');
    await other.asked();
    assert.equal(other.fence(), null);
    offsetMs = 2_000;
    assert.equal(one.fence(), null, 'as after a stop, before anybody was asked');
    offsetMs = 0;
    await one.close();
    await until(() => other.fence() !== null, 'the other one leads');
    assert.ok(other.fence()! > first);
    assert.deepEqual(heard, [first, null]);
    await other.close();
  });
});

test('tokens grow also when it has lost everything', { skip: noRedis }, async () => {
  const link = await redis.link();
  const lock = new RedisLeaderLock(link, { holder: 'one', ttlMs: longMs });
  const first = await lock.acquire();
  await (await redis.server()).ask('flushall');
  assert.equal(await lock.renew(first!), false);
  assert.ok((await lock.acquire())! > first!);
});

/** Asks for the lock in a process of its own, and says what it gets: "fence 17", "renewed true", … */
const holderScript = `
  import { RedisLeaderLock } from './dist/server/redis/redis-leader-lock.js';
  import { RedisLink } from './dist/server/redis/redis-link.js';
  const [url, ttlMs] = process.argv.slice(1);
  const holder = 'process ' + process.pid;
  const link = new RedisLink({ url, name: 'stopped', client: holder, commandMs: 1000, random: Math.random });
  while (!link.state().isUp) await new Promise((resolve) => setTimeout(resolve, 10));
  const lock = new RedisLeaderLock(link, { holder, ttlMs: Number(ttlMs) });
  const fence = await lock.acquire();
  console.log('fence ' + fence);
  for (let i = 0; i < 400; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Another connection may have to be made first.
    const kept = await lock.renew(fence).catch(() => null);
    if (kept === false) break;
  }
  console.log('lost');
  await link.close();
`;

async function holderOf(url: string, ttlMs: number) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', holderScript, url, String(ttlMs)], {
    cwd: repoRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  await until(() => /fence \d+/.test(said), 'the process has the lock', 10_000);
  return { child, fence: Number(/fence (\d+)/.exec(said)![1]), said: () => said };
}

test('a process that was stopped beyond its time finds that it leads no more', {
  skip: noRedis,
}, async () => {
  const { url } = await redis.server();
  const other = new RedisLeaderLock(await redis.link('stopped'), { holder: 'other', ttlMs: longMs });
  const { child, fence, said } = await holderOf(url, 1_000);
  try {
    await pause(1_300);
    assert.equal(await other.acquire(), null, 'it is renewed while the process runs');
    child.kill('SIGSTOP');
    let next: number | null = null;
    await until(async () => (next = await other.acquire()) !== null, 'the lock ends with its time');
    assert.ok(next! > fence);
    child.kill('SIGCONT');
    await until(() => said().includes('lost'), 'the stopped one finds out');
    assert.equal((await other.leader())?.fence, next);
  } finally {
    child.kill('SIGKILL');
  }
});
