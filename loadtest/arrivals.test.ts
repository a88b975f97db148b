import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burstTimes, closedLoop, openLoop, poissonTimes } from './arrivals.ts';
import { createRandom } from './random.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Holds up the whole process, the generator with it. */
function stall(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('gaps between Poisson arrivals are exponential: their mean is the standard deviation', () => {
  const times = poissonTimes(20_000, { perSecond: 50, random: createRandom(7) });
  const gaps = times.map((at, index) => at - (times[index - 1] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  assert.ok(Math.abs(mean - 20) < 0.6, `mean ${mean} ms`);
  assert.ok(Math.abs(deviation / mean - 1) < 0.03, `deviation ${deviation} ms`);
  // A share of 1/e of the gaps is longer than the mean.
  const share = gaps.filter((gap) => gap > mean).length / gaps.length;
  assert.ok(Math.abs(share - Math.exp(-1)) < 0.02, `share ${share}`);
});

test('bursts are requests at one moment, as far apart as asked', () => {
  assert.deepEqual(burstTimes(3, { size: 2, everyMs: 100 }), [0, 0, 100, 100, 200, 200]);
});

test('in an open loop a stall of the generator counts as a wait of the requests that it held up', async () => {
  const times = [0, 20, 40, 60, 80];
  const waits: number[] = [];
  const load = {
    numRequests: times.length,
    maxMs: 1_000,
    async send(index: number, intendedMs: number) {
      if (index === 0) stall(100);
      waits.push(performance.now() - intendedMs);
    },
  };
  await openLoop(load, times);
  // Measured from the moment of sending, all but the first would have waited for nothing.
  waits.forEach((wait, index) => {
    const heldMs = Math.max(0, 100 - times[index]!);
    assert.ok(wait > heldMs - 2 && wait < heldMs + 50, `request ${index} waited ${wait} ms`);
  });
});

test('an open loop goes on while nothing is answered', async () => {
  let running = 0;
  let most = 0;
  const load = {
    numRequests: 10,
    maxMs: 1_000,
    async send() {
      most = Math.max(most, ++running);
      await pause(100);
      running--;
    },
  };
  await openLoop(load, burstTimes(10, { size: 1, everyMs: 2 }));
  assert.equal(most, 10);
  assert.equal(running, 0, 'and it ends when all have ended');
});

test('a closed loop has as many requests under way as it has clients, and sends so many', async () => {
  let [running, most, numSent] = [0, 0, 0];
  const load = {
    numRequests: 20,
    maxMs: 10_000,
    async send() {
      numSent++;
      most = Math.max(most, ++running);
      await pause(1);
      running--;
    },
  };
  await closedLoop(load, 4);
  assert.deepEqual([most, numSent], [4, 20]);
});

test('both loops send nothing more after their time, and after they are told to stop', async () => {
  const stopped = new AbortController();
  let numSent = 0;
  const load = {
    numRequests: 1_000,
    maxMs: 10_000,
    signal: stopped.signal,
    async send() {
      numSent++;
      await pause(5);
      if (numSent === 3) stopped.abort();
    },
  };
  await closedLoop(load, 1);
  assert.equal(numSent, 3);
  await openLoop(load, [0, 1, 2]);
  assert.equal(numSent, 3);
  const late = { ...load, signal: undefined, maxMs: 10 };
  await openLoop(late, [0, 5, 20, 30]);
  assert.equal(numSent, 5);
});
