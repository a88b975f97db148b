/** Who goes first, seen from outside: sequences in, order of tokens out, under a virtual clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { specOf } from '../../test/specs.ts';
import { createFakeEngine } from '../models/fake-engine.ts';
import { StepLoop, type StepLoopLimits } from './step-loop.ts';

const limits: StepLoopLimits = {
  cacheTokens: 100_000,
  maxChunkTokens: 64,
  minChunkTokens: 4,
  maxLogitRows: 64,
  maxStretch: 1.4,
  ageingMs: 5000,
  maxWaiting: 10_000,
  prefixBlockTokens: 16,
  prefixCacheBytes: 0,
};

function createWorld({ numSlots = 4, changes = {} as Partial<StepLoopLimits> } = {}) {
  let nowMs = 0;
  const stepsMs: { readonly decodeRows: number; readonly chunkTokens: number; readonly tookMs: number }[] =
    [];
  const engine = createFakeEngine({
    numSlots,
    maxContext: 4096,
    onStep({ decode, chunk }) {
      const chunkTokens = chunk?.tokens.length ?? 0;
      const tookMs = 5 + decode.length + 0.4 * chunkTokens;
      stepsMs.push({ decodeRows: decode.length, chunkTokens, tookMs });
      nowMs += tookMs;
    },
  });
  const tokens: string[] = [];
  const ends = new Map<string, number>();
  const loop = new StepLoop({
    engine,
    clock: { nowMs: () => nowMs },
    limits: { ...limits, ...changes },
    emit(event) {
      if (event.kind === 'token') tokens.push(event.id);
      else if (event.kind === 'end') ends.set(event.id, nowMs);
    },
  });
  const run = async (until: () => boolean): Promise<void> => {
    for (let step = 0; !until(); step++) {
      assert.ok(step < 100_000, 'the loop comes to an end');
      await loop.runStep();
    }
  };
  return { loop, run, tokens, ends, stepsMs, nowMs: () => nowMs };
}

test('a tenant with a hundred requests leaves half of the tokens to a tenant with twenty', async () => {
  const { loop, run, tokens } = createWorld();
  for (let index = 0; index < 100; index++) loop.submit(specOf(`loud ${index}`, { tenant: 'loud' }));
  for (let index = 0; index < 20; index++) loop.submit(specOf(`quiet ${index}`, { tenant: 'quiet' }));
  await run(() => tokens.length >= 20 * 16 * 2);
  const share = tokens.filter((id) => id.startsWith('quiet')).length / tokens.length;
  assert.ok(share > 0.45 && share < 0.55, `share of the quiet tenant: ${share}`);
});

test('a tenant that comes back after idling gets no credit for it', async () => {
  const { loop, run, tokens } = createWorld();
  for (let index = 0; index < 200; index++) loop.submit(specOf(`early ${index}`, { tenant: 'early' }));
  await run(() => tokens.length >= 800);
  for (let index = 0; index < 100; index++) loop.submit(specOf(`late ${index}`, { tenant: 'late' }));
  const before = tokens.length;
  await run(() => tokens.length >= before + 800);
  const share = tokens.slice(before).filter((id) => id.startsWith('late')).length / (tokens.length - before);
  assert.ok(share < 0.6, `share of the late tenant: ${share}`);
});

test('clients that leave in the middle of a step take nobody with them', async () => {
  const ends = new Map<string, string>();
  let step = 0;
  const loop: StepLoop = new StepLoop({
    engine: createFakeEngine({
      numSlots: 4,
      maxContext: 4096,
      // In the steps of its prompt, and in one of its decode.
      onStep: () => [1, 2, 3, 9].includes(++step) && loop.cancel(`left ${step}`),
    }),
    clock: { nowMs: () => step },
    limits: { ...limits, maxChunkTokens: 8 },
    emit: (event) => void (event.kind === 'end' && ends.set(event.id, event.reason)),
  });
  const promptTokens = Array.from({ length: 16 }, () => 1);
  for (const id of ['left 1', 'left 2', 'left 3', 'left 9', 'stays'])
    loop.submit(specOf(id, { promptTokens }));
  while (!loop.isIdle) {
    assert.ok(step < 1_000, 'the loop comes to an end');
    await loop.runStep();
    loop.checkIntegrity();
  }
  assert.equal(ends.get('stays'), 'length');
  for (const id of ['left 1', 'left 2', 'left 3', 'left 9']) assert.equal(ends.get(id), 'cancelled', id);
});

test('a higher priority goes first, and takes a slot from a lower one when all are taken', async () => {
  const { loop, run, ends } = createWorld({ numSlots: 2 });
  for (let index = 0; index < 6; index++) loop.submit(specOf(`low ${index}`, { maxTokens: 200 }));
  await run(() => loop.stats().numRunning === 2);
  loop.submit(specOf('high', { priority: 5 }));
  await run(() => ends.has('high'));
  assert.equal(ends.size, 1, 'nobody else has ended before');
  assert.ok(loop.stats().preemptions >= 1);
  await run(() => loop.isIdle);
  assert.equal(ends.size, 7, 'and those that were set back ended too');
});

test('a low priority is served after its wait, however many higher ones keep coming', async () => {
  const { loop, run, ends, nowMs } = createWorld({ numSlots: 2, changes: { ageingMs: 100 } });
  loop.submit(specOf('low', { priority: 0 }));
  let next = 0;
  await run(() => {
    for (; loop.stats().numWaiting < 4; next++) loop.submit(specOf(`high ${next}`, { priority: 10 }));
    return ends.has('low');
  });
  assert.ok(nowMs() < 100 * 10 * 4, `served after ${nowMs()} ms`);
});

test('a long prompt does not stretch the steps of running sequences beyond the limit', async () => {
  const { loop, run, tokens, ends, stepsMs } = createWorld({ numSlots: 10 });
  for (let index = 0; index < 8; index++) {
    loop.submit(specOf(`stream ${index}`, { maxTokens: 1000, promptTokens: [index] }));
  }
  await run(() => tokens.length > 8 * 100);
  const first = stepsMs.length;
  loop.submit(specOf('long', { promptTokens: Array.from({ length: 2000 }, () => 1), maxTokens: 1 }));
  await run(() => ends.has('long'));
  const beside = stepsMs.slice(first).filter(({ decodeRows }) => decodeRows === 8);
  const most = Math.max(...beside.map(({ tookMs }) => tookMs));
  assert.ok(most <= 1.5 * (5 + 8), `a step of ${most} ms beside 8 streams`);
  assert.ok(Math.min(...beside.slice(0, -1).map(({ chunkTokens }) => chunkTokens)) >= limits.minChunkTokens);
});

test('with nobody to disturb, a prompt is computed in the largest chunks', async () => {
  const { loop, run, ends, stepsMs } = createWorld();
  loop.submit(specOf('alone', { promptTokens: Array.from({ length: 640 }, () => 1), maxTokens: 0 }));
  await run(() => ends.has('alone'));
  assert.deepEqual(
    stepsMs.map(({ chunkTokens }) => chunkTokens),
    Array.from({ length: 10 }, () => 64),
  );
});

test('a full cache costs little work twice, because what is set back keeps its rows', async () => {
  const { loop, run } = createWorld({ numSlots: 16, changes: { cacheTokens: 1024, prefixCacheBytes: 1e6 } });
  for (let index = 0; index < 16; index++) {
    const promptTokens = Array.from({ length: 128 }, (_, at) => (index * 7 + at * 3) % 31);
    loop.submit(specOf(`${index}`, { promptTokens, maxTokens: 128 }));
  }
  await run(() => loop.isIdle);
  const { preemptions, promptTokens } = loop.stats();
  assert.ok(preemptions > 0);
  assert.ok(promptTokens < 1.15 * 16 * 128, `${promptTokens} prompt tokens computed`);
});
