/**
 * The whole batcher under a virtual clock and a fake engine whose logits depend on every cached row: whatever the
 * seed arranges, each sequence must end once, with the text that it would have had alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, type Rng } from '../../core/rng.ts';
import { createFakeEngine, nextToken } from '../models/fake-engine.ts';
import type { StepPlan } from './engine.ts';
import { greedy, type SequenceEvent, type SequenceSpec } from './request.ts';
import { StepLoop, type StepLoopLimits } from './step-loop.ts';

const numSeeds = 400;
const numSequences = 30;
const vocabSize = 32;
const maxSteps = 20_000;

interface World {
  readonly limits: StepLoopLimits;
  readonly numSlots: number;
  readonly maxContext: number;
  readonly specs: readonly SequenceSpec[];
  readonly arrivalMs: readonly number[];
  /** When the client leaves; infinite for most. Of those with an odd index it is noticed while a step runs. */
  readonly leaveMs: readonly number[];
  /** Steps that fail. */
  readonly faults: ReadonlySet<number>;
  /** When an adapter is retired or loaded again. Both are there at the start. */
  readonly swaps: readonly { readonly atMs: number; readonly adapter: string; readonly isLoaded: boolean }[];
}

const adapters = ['x', 'y'];

const whole = (rng: Rng, low: number, high: number): number =>
  low + Math.floor(rng.next() * (high - low + 1));
const pick = <T>(rng: Rng, values: readonly T[]): T => values[whole(rng, 0, values.length - 1)]!;

function createWorld(seed: number): World {
  const rng = createRng(seed);
  const numSlots = whole(rng, 2, 6);
  const maxContext = whole(rng, 24, 48);
  const limits: StepLoopLimits = {
    cacheTokens: pick(rng, [maxContext, maxContext * 2, maxContext * numSlots]),
    maxChunkTokens: whole(rng, 1, 16),
    minChunkTokens: pick(rng, [1, 3]),
    maxLogitRows: whole(rng, 1, 8),
    maxStretch: 1 + rng.next(),
    ageingMs: pick(rng, [50, 5000]),
    maxWaiting: pick(rng, [6, 100]),
    prefixBlockTokens: 4,
    prefixCacheBytes: pick(rng, [0, 160, 100_000]),
  };
  const shared = Array.from({ length: 16 }, () => whole(rng, 0, vocabSize - 1));
  const specs = Array.from({ length: numSequences }, (_, index) =>
    createSpec(rng, { index, maxContext, shared }),
  );
  let nowMs = 0;
  const arrivalMs = specs.map(() => {
    nowMs += rng.next() < 0.3 ? 0 : -20 * Math.log(1 - rng.next());
    return nowMs;
  });
  const leaveMs = arrivalMs.map((at) =>
    rng.next() < 0.2 ? at + 100 * rng.next() : Number.POSITIVE_INFINITY,
  );
  const faults = new Set(rng.next() < 0.2 ? [whole(rng, 1, 100)] : []);
  const numSwaps = whole(rng, 0, 6);
  const swaps = Array.from({ length: numSwaps }, () => ({
    atMs: rng.next() * nowMs,
    adapter: pick(rng, adapters),
    isLoaded: rng.next() < 0.5,
  })).sort((a, b) => a.atMs - b.atMs);
  return { limits, numSlots, maxContext, specs, arrivalMs, leaveMs, faults, swaps };
}

function createSpec(
  rng: Rng,
  of: { index: number; maxContext: number; shared: readonly number[] },
): SequenceSpec {
  const own = Array.from({ length: whole(rng, 1, 8) }, () => whole(rng, 0, vocabSize - 1));
  const promptTokens = rng.next() < 0.5 ? [...of.shared.slice(0, whole(rng, 0, 16)), ...own] : own;
  const maxTokens = Math.min(whole(rng, 0, 20), of.maxContext - promptTokens.length);
  const promptLogprobs = rng.next() < 0.1 || maxTokens === 0 ? 2 : null;
  const temperature = rng.next() < 0.3 ? 3 : 0;
  const tenant = pick(rng, ['a', 'b', 'c']);
  const adapter = pick(rng, [null, null, ...adapters]);
  return {
    id: `${of.index}`,
    promptTokens,
    maxTokens,
    sampling: {
      ...greedy,
      temperature,
      seed: of.index,
      logprobs: rng.next() < 0.2 ? 1 : null,
      promptLogprobs,
    },
    stopTokenIds: [whole(rng, 0, vocabSize - 1)],
    priority: whole(rng, -1, 1),
    tenant,
    adapter,
    cacheScope: `${tenant}/${adapter}`,
    ttftTargetMs: 100,
    tpotTargetMs: 20,
  };
}

/** Runs a world to its end and returns each sequence's events. Checks the loop's promises at every step. */
async function runWorld(
  world: World,
  onStep: (plan: StepPlan) => void = () => {},
): Promise<SequenceEvent[][]> {
  const { limits, numSlots, maxContext, specs, arrivalMs, leaveMs, faults } = world;
  let [nowMs, numSteps] = [0, 0];
  const engine = createFakeEngine({
    numSlots,
    maxContext,
    vocabSize,
    onStep(plan) {
      nowMs += 2 + plan.decode.length + 0.5 * (plan.chunk?.tokens.length ?? 0);
      onStep(plan);
      leave(1);
      if (faults.has(++numSteps)) throw new Error('a fault');
    },
  });
  const events = new Map(specs.map(({ id }) => [id, [] as SequenceEvent[]]));
  const emit = (event: SequenceEvent): void => void events.get(event.id)!.push(event);
  const loop = new StepLoop({ engine, clock: { nowMs: () => nowMs }, limits, emit });
  const left = new Set<string>();
  let next = 0;
  const leave = (parity: 0 | 1): string[] => {
    const leaving = specs.filter(
      ({ id }, index) => index % 2 === parity && index < next && leaveMs[index]! <= nowMs && !left.has(id),
    );
    for (const { id } of leaving) {
      left.add(id);
      loop.cancel(id);
    }
    return leaving.map(({ id }) => id);
  };
  const hasEnded = (id: string): boolean => events.get(id)!.at(-1)?.kind === 'end';
  const swaps = [...adapters.map((adapter) => ({ atMs: 0, adapter, isLoaded: true })), ...world.swaps];
  const swap = ({ adapter, isLoaded }: World['swaps'][number]): void => {
    if (isLoaded) {
      engine.stageAdapter(adapter, new Uint8Array())();
      loop.adapters.add(adapter);
    } else loop.adapters.retire(adapter);
  };
  for (let turn = 0; next < specs.length || !loop.isIdle; turn++) {
    assert.ok(turn < maxSteps, 'the loop comes to an end');
    while (swaps.length > 0 && swaps[0]!.atMs <= nowMs) swap(swaps.shift()!);
    for (; next < specs.length && arrivalMs[next]! <= nowMs; next++) loop.submit(specs[next]!);
    assert.ok(leave(0).every(hasEnded), 'leaving takes effect at once');
    if (loop.isIdle && next < specs.length) nowMs = Math.max(nowMs, arrivalMs[next]!);
    await loop.runStep();
    assert.ok([...left].every(hasEnded), 'and at the end of a step that it has come upon');
    checkLoop(loop, world);
  }
  const { numRunning, numWaiting } = loop.stats();
  assert.deepEqual([numRunning, numWaiting], [0, 0], 'every slot is free again');
  return specs.map(({ id }) => events.get(id)!);
}

function checkLoop(loop: StepLoop, { limits, numSlots }: World): void {
  loop.checkIntegrity();
  const stats = loop.stats();
  assert.ok(stats.prefixBytes <= limits.prefixCacheBytes, 'the prefix cache keeps its bound');
  assert.ok(stats.numRunning <= numSlots);
  assert.ok(
    stats.numWaiting <= limits.maxWaiting + numSlots,
    'the queue keeps its bound; preempted ones come on top',
  );
  // Each running sequence may have grown by one token since the scheduler last looked.
  if (stats.numRunning > 1)
    assert.ok(stats.cacheTokens <= limits.cacheTokens + numSlots, 'the cache keeps its bound');
}

/** What a sequence must say when nothing else runs, by the engine's own definition. */
function expectedGreedy({ promptTokens, maxTokens, stopTokenIds, adapter }: SequenceSpec): number[] {
  const tokens = [...promptTokens];
  while (tokens.length - promptTokens.length < maxTokens) {
    const token = nextToken(tokens, vocabSize, adapter);
    tokens.push(token);
    if (stopTokenIds.includes(token)) break;
  }
  return tokens.slice(promptTokens.length);
}

async function expectedAlone(world: World, spec: SequenceSpec): Promise<number[]> {
  if (spec.sampling.temperature === 0) return expectedGreedy(spec);
  const alone: World = {
    ...world,
    specs: [{ ...spec, priority: 0 }],
    arrivalMs: [0],
    leaveMs: [Number.POSITIVE_INFINITY],
    faults: new Set(),
    swaps: [],
  };
  return tokensOf((await runWorld(alone))[0]!);
}

const tokensOf = (events: readonly SequenceEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'token' ? [event.token] : []));

function checkEvents(
  events: readonly SequenceEvent[],
  spec: SequenceSpec,
  expected: readonly number[],
): string {
  const end = events.at(-1);
  assert.ok(end?.kind === 'end', 'the last event is the end');
  assert.equal(events.filter(({ kind }) => kind === 'end').length, 1, 'it ends once');
  const tokens = tokensOf(events);
  assert.equal(end.numGenerated, tokens.length);
  assert.deepEqual(tokens, expected.slice(0, tokens.length), 'the text does not depend on the batch');
  const starts = events.filter(({ kind }) => kind === 'start');
  const prompts = events.filter(({ kind }) => kind === 'prompt');
  const firsts = events.slice(0, 2).map(({ kind }) => kind);
  if (tokens.length > 0) assert.deepEqual(firsts, ['start', 'prompt'], 'start and prompt are reported first');
  assert.ok(starts.length <= 1 && prompts.length <= starts.length, 'start and prompt are reported once');
  if (end.reason !== 'stop' && end.reason !== 'length') return end.reason;
  assert.equal(prompts.length, 1);
  assert.equal(tokens.length, expected.length, 'a finished text is whole');
  const isStop = tokens.length > 0 && spec.stopTokenIds.includes(tokens.at(-1)!);
  assert.equal(end.reason, isStop ? 'stop' : 'length');
  const [prompt] = prompts;
  if (prompt?.kind === 'prompt' && spec.sampling.promptLogprobs !== null) {
    const reported = prompt.promptLogprobs!.map((entry) => entry?.token ?? null);
    assert.deepEqual(reported, [null, ...spec.promptTokens.slice(1)], 'each prompt token is reported once');
  }
  return end.reason;
}

const smallestChunk = ({ minChunkTokens, maxChunkTokens, maxLogitRows }: StepLoopLimits): number =>
  Math.min(minChunkTokens, maxChunkTokens, maxLogitRows);

test(`over ${numSeeds} seeds every sequence ends once, with the text it has alone`, async () => {
  const reasons = new Map<string, number>();
  for (let seed = 1; seed <= numSeeds; seed++) {
    const world = createWorld(seed);
    try {
      const events = await runWorld(world, ({ chunk }) => {
        if (smallestChunk(world.limits) > 2 && chunk !== null && chunk.start > 0)
          assert.ok(chunk.tokens.length > 1, 'no token is left for a chunk of its own');
      });
      for (const [index, spec] of world.specs.entries()) {
        const reason = checkEvents(events[index]!, spec, await expectedAlone(world, spec));
        if (reason === 'cancelled')
          assert.ok(world.leaveMs[index]! < Number.POSITIVE_INFINITY, 'who stayed is served');
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  // A simulation that never meets a case proves nothing about it.
  for (const reason of ['stop', 'length', 'cancelled', 'error'])
    assert.ok((reasons.get(reason) ?? 0) > 100, reason);
});

test('the same seed gives the same events', async () => {
  assert.deepEqual(await runWorld(createWorld(7)), await runWorld(createWorld(7)));
});
