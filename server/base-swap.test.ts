import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDeferred } from '../core/deferred.ts';
import { MillraceError } from '../core/errors.ts';
import { createRng } from '../core/rng.ts';
import { BaseSwap, type BaseSwapParts } from './base-swap.ts';
import { noStats } from './batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from './batching/request.ts';
import type { ServedGenerator } from './completion/served-model.ts';
import { OpenRequests } from './http/open-requests.ts';
import { createCatalogue } from './served-models.ts';

/** A token a turn; fails whoever comes after it was closed, and whoever it was closed on. */
class Engine {
  readonly version: string;
  isClosed = false;
  isMute = false;
  private readonly running = new Set<string>();

  constructor(version: string) {
    this.version = version;
  }

  stats = () => ({ ...noStats, numRunning: this.running.size });

  submit({ id, maxTokens }: SequenceSpec, onEvent: (event: SequenceEvent) => void): void {
    this.running.add(id);
    void this.run(id, maxTokens, onEvent);
  }

  private async run(id: string, maxTokens: number, onEvent: (event: SequenceEvent) => void): Promise<void> {
    const end = { kind: 'end', id, numGenerated: maxTokens } as const;
    for (let count = 0; count < maxTokens && !this.isClosed; count++) await nextTurn();
    this.running.delete(id);
    const isFine = !this.isClosed && !this.isMute;
    if (isFine) onEvent({ ...end, reason: 'length', message: null });
    else onEvent({ ...end, reason: 'error', message: this.isMute ? 'mute' : 'closed' });
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

type Model = ServedGenerator & { readonly engine: Engine; readonly encoder: { isClosed: boolean } };

function modelOf(version: string, encoder = { isClosed: false }): Model {
  const closable = Object.assign(encoder, {
    close: async () => {
      encoder.isClosed = true;
    },
  });
  const tokenizer = { encode: () => [1] };
  const fields = { kind: 'generator', id: 'm', digest: version, version, tokenizer, scorer: null };
  return { ...fields, encoder: closable, engine: new Engine(version) } as unknown as Model;
}

function setUp(parts: Partial<BaseSwapParts> = {}) {
  const first = modelOf('v0');
  const catalogue = createCatalogue([first]);
  const requests = new OpenRequests();
  const started: Model[] = [first];
  const swap = new BaseSwap({
    catalogue,
    rollout: { serve: async (_model, onServed) => onServed?.() },
    async start({ encoder }, version) {
      const model = modelOf(version, encoder as unknown as { isClosed: boolean });
      started.push(model);
      return model;
    },
    requestsEnded: () => requests.ended(),
    drainMs: 10_000,
    log: () => {},
    ...parts,
  });
  const current = () => catalogue.get('m') as Model;
  return { swap, catalogue, requests, started, first, current };
}

const untilTrue = async (isTrue: () => boolean): Promise<void> => {
  for (let turns = 0; !isTrue(); turns++) {
    assert.ok(turns < 10_000, 'it comes true');
    await nextTurn();
  }
};

test('the old engine goes on for a request that came before, even one that has not reached it yet', async () => {
  const { swap, requests, first, current } = setUp();
  const response = new EventEmitter();
  requests.enter(response);
  await swap.to('m', 'v1');
  assert.equal(current().version, 'v1');
  for (let turns = 0; turns < 50; turns++) await nextTurn();
  assert.equal(first.engine.isClosed, false);
  response.emit('close');
  await untilTrue(() => first.engine.isClosed);
});

test('a request that does not end is cut off in the end', async () => {
  const { swap, requests, first } = setUp({ drainMs: 30 });
  requests.enter(new EventEmitter());
  await swap.to('m', 'v1');
  assert.equal(first.engine.isClosed, false);
  await swap.close();
  assert.equal(first.engine.isClosed, true);
});

test('what the next one shares with the one before stays open', async () => {
  const { swap, first } = setUp();
  await swap.to('m', 'v1');
  await untilTrue(() => first.engine.isClosed);
  assert.equal(first.encoder.isClosed, false);
  const apart = setUp({ start: async (_serving, version) => modelOf(version) });
  await apart.swap.to('m', 'v1');
  await untilTrue(() => apart.first.engine.isClosed);
  assert.equal(apart.first.encoder.isClosed, true);
});

test('whatever fails before the move leaves the old one serving and nothing of the new', async () => {
  const failure = new MillraceError('engine_unavailable', { reason: 'no memory', retryAfterMs: 1 });
  const mute = modelOf('v1');
  mute.engine.isMute = true;
  const unwritten = modelOf('v1');
  const cases: readonly (readonly [Partial<BaseSwapParts>, Model | null])[] = [
    [{ start: () => Promise.reject(failure) }, null],
    [{ start: async () => mute }, mute],
    [{ start: async () => unwritten, rollout: { serve: () => Promise.reject(failure) } }, unwritten],
  ];
  for (const [parts, next] of cases) {
    const { swap, first, current } = setUp(parts);
    await assert.rejects(swap.to('m', 'v1'), { code: 'engine_unavailable' });
    await swap.close();
    assert.deepEqual([current(), first.engine.isClosed], [first, false]);
    assert.notEqual(next?.engine.isClosed, false);
  }
});

test('to where it is already nothing is started, and after the close no move begins', async () => {
  const { swap, started } = setUp();
  await swap.to('m', 'v0');
  await swap.close();
  await assert.rejects(swap.to('m', 'v1'), { code: 'engine_unavailable' });
  assert.equal(started.length, 1);
});

test('a close while an engine is being started ends that engine', async () => {
  const starting = createDeferred<ServedGenerator>();
  const { swap, current, first } = setUp({ start: () => starting.promise });
  const moving = swap.to('m', 'v1');
  await nextTurn();
  const closing = swap.close();
  const next = modelOf('v1');
  starting.resolve(next);
  await assert.rejects(moving, { code: 'engine_unavailable' });
  await closing;
  assert.deepEqual([current(), next.engine.isClosed], [first, true]);
});

for (const seed of [1, 2, 3, 4, 5]) {
  test(`requests that come all the while end well on the version they began with (seed ${seed})`, async () => {
    const { swap, requests, started, current } = setUp();
    const rng = createRng(seed);
    const answers = new Map<string, number>();
    let numOpen = 0;
    const request = async (id: string): Promise<void> => {
      const response = new EventEmitter();
      requests.enter(response);
      for (let turns = rng.next() * 5; turns > 0; turns--) await nextTurn();
      const model = current();
      for (let turns = rng.next() * 40; turns > 0; turns--) await nextTurn();
      const ended = createDeferred<SequenceEvent>();
      const spec = { id, maxTokens: 1 + Math.floor(rng.next() * 5) } as SequenceSpec;
      model.engine.submit(spec, (event) => ended.resolve(event));
      assert.equal(((await ended.promise) as { reason: string }).reason, 'length', `seed ${seed}`);
      answers.set(model.version, (answers.get(model.version) ?? 0) + 1);
      response.emit('close');
    };
    const moves: Promise<void>[] = [];
    const all: Promise<void>[] = [];
    for (let turn = 0; turn < 600; turn++) {
      if (rng.next() < 0.15) all.push(request(String(turn)));
      if (turn % 60 === 30) moves.push(swap.to('m', `v${moves.length + 1}`));
      numOpen = Math.max(numOpen, started.filter(({ engine }) => !engine.isClosed).length);
      await nextTurn();
    }
    await Promise.all([...all, ...moves]);
    await swap.close();
    assert.ok(answers.size > 3, `seed ${seed}: ${answers.size} versions have answered`);
    assert.equal(numOpen, 2, `seed ${seed}: never more than two engines`);
    assert.deepEqual(
      started.map(({ engine }) => engine.isClosed),
      started.map((model) => model !== current()),
    );
  });
}
