/** By a clock of the test's own: when the lock is asked for, and when a term is over. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import type { LeaderLock } from './leader-lock.ts';
import { Leadership } from './leadership.ts';

const ttlMs = 1_000;

/** A lock whose time is the test's. */
class FakeLock implements LeaderLock {
  isDown = false;
  readonly asked: number[] = [];
  private nowMs = 0;
  private fence = 0;
  private endsMs = 0;

  at(nowMs: number): void {
    this.nowMs = nowMs;
  }

  async acquire(): Promise<number | null> {
    this.ask();
    if (this.nowMs < this.endsMs) return null;
    this.endsMs = this.nowMs + ttlMs;
    this.fence += 1;
    return this.fence;
  }

  async renew(fence: number): Promise<boolean> {
    this.ask();
    if (fence !== this.fence || this.nowMs >= this.endsMs) return false;
    this.endsMs = this.nowMs + ttlMs;
    return true;
  }

  async release(): Promise<void> {
    this.ask();
    this.endsMs = 0;
  }

  async leader(): Promise<null> {
    return null;
  }

  private ask(): void {
    this.asked.push(this.nowMs);
    if (this.isDown) throw new MillraceError('cluster_unavailable', { reason: 'test', retryAfterMs: 1 });
  }
}

async function lead() {
  mock.timers.enable({ apis: ['setTimeout'] });
  const lock = new FakeLock();
  let nowMs = 0;
  const heard: [number, number | null][] = [];
  const leadership = new Leadership({
    lock,
    ttlMs,
    nowMs: () => nowMs,
    onChange: (fence) => heard.push([nowMs, fence]),
  });
  await leadership.asked();
  return {
    lock,
    leadership,
    heard,
    /** Millisecond by millisecond, with all that follows from each. */
    async pass(ms: number): Promise<void> {
      for (let i = 0; i < ms; i++) {
        nowMs += 1;
        lock.at(nowMs);
        mock.timers.tick(1);
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      }
    },
    async close(): Promise<void> {
      await leadership.close();
      mock.timers.reset();
    },
  };
}

test('the lock is renewed three times within its time', async () => {
  const { lock, leadership, pass, close } = await lead();
  await pass(2_010);
  assert.equal(leadership.fence(), 1);
  assert.deepEqual(lock.asked, [0, 334, 668, 1_002, 1_336, 1_670, 2_004]);
  await close();
});

test('a term outlasts an outage of most of its time', async () => {
  const { lock, leadership, heard, pass, close } = await lead();
  await pass(200);
  lock.isDown = true;
  await pass(600);
  lock.isDown = false;
  await pass(1_000);
  assert.equal(leadership.fence(), 1);
  assert.deepEqual(heard, [[0, 1]]);
  await close();
});

test('a term that could not be renewed ends on time, is told so at once, and a new one follows', async () => {
  const { lock, leadership, heard, pass, close } = await lead();
  lock.isDown = true;
  await pass(999);
  assert.equal(leadership.fence(), 1);
  await pass(1);
  assert.equal(leadership.fence(), null);
  await pass(50);
  assert.deepEqual(heard, [
    [0, 1],
    [1_000, null],
  ]);
  lock.isDown = false;
  await pass(200);
  assert.equal(leadership.fence(), 2);
  await close();
  assert.equal(heard.at(-1)?.[1], null);
});
