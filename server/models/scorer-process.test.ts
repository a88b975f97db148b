/** A real scoring host over a small imported model: it comes with the first request and goes when none comes. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { openFixture, Scratch } from '../../test/parity/imported.ts';
import { until } from '../../test/until.ts';
import { createScorer } from './scorer-process.ts';

const idleMs = 300;
const scratch = new Scratch();
after(() => scratch.remove());

async function start() {
  const folder = await scratch.import(await openFixture('smollm2'), 'fp32');
  return createScorer({
    folder,
    threads: 1,
    maxContext: 64,
    idleMs,
    limits: { minSize: 1, maxSize: 32, targetMs: 500, maxWaiting: 100 },
    clock: systemClock,
    startTimeoutMs: 10_000,
    log: () => {},
  });
}

const input = { tokens: [3, 4, 5, 6, 7], from: 2 };

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('the host starts with the first request, ends when idle, and comes back with equal scores', async () => {
  const scorer = await start();
  assert.equal(scorer.pid(), null);
  const [first] = await scorer.score([input], {});
  assert.equal(first!.logprobs.length, 3);
  const pid = scorer.pid()!;
  await until(() => !isAlive(pid), 'the idle host ends');
  const [second] = await scorer.score([input], {});
  assert.deepEqual(second, first);
  await scorer.close();
  assert.equal(scorer.pid(), null);
});

test('a host that is killed fails what it worked on and serves again', async () => {
  const scorer = await start();
  await scorer.score([input], {});
  process.kill(scorer.pid()!, 'SIGSTOP');
  const held = scorer.score([input], {});
  process.kill(scorer.pid()!, 'SIGKILL');
  await assert.rejects(held, (error: MillraceError) => error.code === 'engine_failed');
  let score: unknown = null;
  for (let i = 0; i < 100 && score === null; i++) {
    score = await scorer.score([input], {}).catch((error: unknown) => {
      assert.ok(error instanceof MillraceError && error.code === 'engine_unavailable');
      return sleep(50).then(() => null);
    });
  }
  assert.notEqual(score, null);
  await scorer.close();
});

test('inputs that run in one batch have the scores that they have alone', async () => {
  const scorer = await start();
  const inputs = [input, { tokens: [9, 8, 7], from: 1 }, { tokens: [1, 2, 3, 4, 5, 6, 7, 8], from: 7 }];
  const together = await scorer.score(inputs, {});
  for (const [index, each] of inputs.entries()) {
    const [alone] = await scorer.score([each], {});
    assert.equal(together[index]!.logprobs.length, each.tokens.length - each.from);
    alone!.logprobs.forEach((value, at) => {
      assert.ok(Math.abs(value - together[index]!.logprobs[at]!) < 1e-5);
    });
  }
  await scorer.close();
});
