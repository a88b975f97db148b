import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createShutdown } from './shutdown.ts';

function started(options: { drain: () => Promise<void>; cutOff?: () => Promise<void>; drainMs?: number }) {
  const codes: number[] = [];
  let nowMs = 0;
  const onSignal = createShutdown({
    clock: { nowMs: () => nowMs },
    drain: options.drain,
    drainMs: options.drainMs ?? 1_000,
    cutOff: options.cutOff ?? never,
    cutOffMs: 20,
    note: () => {},
    exit: (code) => codes.push(code),
  });
  return { onSignal, codes, pass: (ms: number) => (nowMs += ms) };
}

const never = () => new Promise<void>(() => {});

test('the first signal drains and then exits with 0', async () => {
  let drained = 0;
  const { onSignal, codes } = started({
    drain: async () => {
      drained += 1;
    },
  });
  onSignal('SIGTERM');
  await sleep(5);
  assert.deepEqual([drained, codes], [1, [0]]);
});

test('a second signal exits at once, its echo from npm does not', async () => {
  const { onSignal, codes, pass } = started({ drain: never, drainMs: 20 });
  onSignal('SIGINT');
  pass(5);
  onSignal('SIGINT');
  assert.deepEqual(codes, []);
  pass(1_000);
  onSignal('SIGINT');
  assert.deepEqual(codes, [1]);
  await sleep(40);
});

test('requests that outlast the drain time are cut off, and the drain then comes to its end', async () => {
  const events: string[] = [];
  let finish = (): void => {};
  const { onSignal, codes } = started({
    drain: () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }).then(() => void events.push('drained')),
    cutOff: async () => {
      events.push('cut off');
      finish();
    },
    drainMs: 10,
  });
  onSignal('SIGTERM');
  await sleep(60);
  assert.deepEqual([events, codes], [['cut off', 'drained'], [1]]);
});

test('what cannot even be cut off does not keep the process', async () => {
  const { onSignal, codes } = started({ drain: never, drainMs: 10 });
  onSignal('SIGTERM');
  await sleep(5);
  assert.deepEqual(codes, []);
  await sleep(60);
  assert.deepEqual(codes, [1]);
});

test('a drain that fails is not a success', async () => {
  const { onSignal, codes } = started({ drain: () => Promise.reject(new Error('x')) });
  onSignal('SIGTERM');
  await sleep(5);
  assert.equal(codes[0], 1);
});
