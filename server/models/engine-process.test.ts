/** Real host processes with the fake engine: what the gateway sees when one is killed, stopped, or never comes up. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { isRunning } from '../../core/process-identity.ts';
import { specOf } from '../../test/specs.ts';
import { until } from '../../test/until.ts';
import type { AdapterSource, StepRecord } from '../batching/engine.ts';
import type { SequenceEvent } from '../batching/request.ts';
import { startEngine } from './engine-process.ts';
import { nextToken } from './fake-engine.ts';

type Engine = Awaited<ReturnType<typeof startEngine>>;

const startTimeoutMs = 10_000;
/** What is promised for a request whose engine dies, plus nothing. */
const maxEndMs = 1_000;
const vocabSize = 64;
const engines: Engine[] = [];
after(() => Promise.all(engines.map((engine) => engine.close())));

interface StartOptions {
  readonly startTimeoutMs?: number;
  readonly folder?: string;
  readonly onStep?: (step: StepRecord) => void;
}

async function start(options: StartOptions = {}): Promise<Engine> {
  const engine = await startEngine({
    version: 'test',
    clock: systemClock,
    onStep: options.onStep,
    startTimeoutMs: options.startTimeoutMs ?? startTimeoutMs,
    log: () => {},
    host: {
      folder: options.folder ?? 'fake',
      numSlots: 4,
      maxContext: 4096,
      threads: 1,
      sharedThreads: null,
      maxAdapterRows: 8,
      limits: {
        cacheTokens: 16_384,
        maxChunkTokens: 64,
        minChunkTokens: 4,
        maxLogitRows: 64,
        maxStretch: 1.4,
        ageingMs: 5000,
        maxWaiting: 100,
        prefixBlockTokens: 16,
        prefixCacheBytes: 0,
      },
    },
  });
  engines.push(engine);
  return engine;
}

let nextId = 0;

function run(engine: Engine, maxTokens: number, adapter: string | null = null) {
  const id = `sequence-${nextId++}`;
  const spec = specOf(id, { promptTokens: [1, 2, 3], maxTokens, adapter });
  const events: SequenceEvent[] = [];
  let first: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    first = resolve;
  });
  const ended = new Promise<Extract<SequenceEvent, { kind: 'end' }>>((resolve) => {
    engine.submit(spec, (event) => {
      events.push(event);
      if (event.kind === 'token') first();
      if (event.kind === 'end') resolve(event);
    });
  });
  return { id, events, started, ended };
}

function expected(numTokens: number, adapter: string | null): number[] {
  const tokens = [1, 2, 3];
  for (let index = 0; index < numTokens; index++) tokens.push(nextToken(tokens, vocabSize, adapter));
  return tokens.slice(3);
}

async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function serves(engine: Engine, adapter: string | null = null): Promise<void> {
  const { events, ended } = run(engine, 20, adapter);
  assert.equal((await within(5_000, ended)).reason, 'length');
  const tokens = events.flatMap((event) => (event.kind === 'token' ? [event.token] : []));
  assert.deepEqual(tokens, expected(20, adapter));
}

const scratch = mkdtempSync(join(tmpdir(), 'millrace-adapters-'));
after(() => rmSync(scratch, { recursive: true }));

function adapterFile(id: string): AdapterSource {
  const path = join(scratch, id);
  writeFileSync(path, id.repeat(200_000));
  return { id, path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
}

describe('a host that serves', () => {
  test('tells of each step, also of those in the middle of a prompt', async () => {
    const steps: StepRecord[] = [];
    const engine = await start({ onStep: (step) => void steps.push(step) });
    const promptTokens = Array.from({ length: 160 }, (_, index) => index % 50);
    const ended = new Promise<void>((resolve) => {
      const spec = specOf('long', { promptTokens, maxTokens: 3 });
      engine.submit(spec, ({ kind }) => kind === 'end' && resolve());
    });
    await within(5_000, ended);
    // Chunks of 64 tokens at most; the last of them gives the first token.
    assert.deepEqual(
      steps.map(({ batchTokens, batchSequences }) => [batchTokens, batchSequences]),
      [
        [64, 1],
        [64, 1],
        [32, 1],
        [1, 1],
        [1, 1],
      ],
    );
    for (const { lastStepMs, predictedStepMs } of steps) assert.ok(lastStepMs > 0 && predictedStepMs >= 0);
  });

  test('answers, and sequences side by side do not disturb each other', async () => {
    const engine = await start();
    await Promise.all(Array.from({ length: 8 }, () => serves(engine)));
  });

  test('ends a cancelled sequence and gives its slot to the next', async () => {
    const engine = await start();
    const long = Array.from({ length: 4 }, () => run(engine, 4000));
    await Promise.all(long.map(({ started }) => within(5_000, started)));
    for (const { id } of long) engine.cancel(id);
    for (const { ended } of long) assert.equal((await within(maxEndMs, ended)).reason, 'cancelled');
    await serves(engine);
  });
});

describe('adapters', () => {
  test('serve beside the base and each other; a sequence keeps its own to the end after it is dropped', async () => {
    const engine = await start();
    await Promise.all([engine.loadAdapter(adapterFile('x')), engine.loadAdapter(adapterFile('y'))]);
    await Promise.all([serves(engine), serves(engine, 'x'), serves(engine, 'y')]);
    const long = run(engine, 300, 'x');
    await within(5_000, long.started);
    engine.dropAdapter('x');
    const refused = await within(maxEndMs, run(engine, 5, 'x').ended);
    assert.match(refused.message!, /the adapter x is not loaded/);
    assert.equal((await within(10_000, long.ended)).reason, 'length');
    const tokens = long.events.flatMap((event) => (event.kind === 'token' ? [event.token] : []));
    assert.deepEqual(tokens, expected(300, 'x'));
    await engine.loadAdapter(adapterFile('x'));
    await serves(engine, 'x');
  });

  test('of which the file is not what it should be are refused, and may come again', async () => {
    const engine = await start();
    const good = adapterFile('z');
    await assert.rejects(
      engine.loadAdapter({ ...good, sha256: '0'.repeat(64) }),
      /SHA-256 is not the expected one/,
    );
    await assert.rejects(engine.loadAdapter({ ...good, path: join(scratch, 'absent') }), /ENOENT/);
    await engine.loadAdapter(good);
    await serves(engine, 'z');
  });

  test('are there again when a killed host is back', async () => {
    const engine = await start();
    await engine.loadAdapter(adapterFile('x'));
    process.kill(engine.pid()!, 'SIGKILL');
    await until(
      () => engine.stats().restarts === 1 && engine.state() === 'ready',
      'another host serves',
      15_000,
    );
    await serves(engine, 'x');
  });
});

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  test(`after ${signal} running requests end within a second, and the host is back by itself`, async () => {
    const engine = await start();
    const running = Array.from({ length: 6 }, () => run(engine, 4000));
    await within(5_000, running[0]!.started);
    const pid = engine.pid()!;
    const sentMs = performance.now();
    process.kill(pid, signal);
    for (const { ended, events } of running) {
      const end = await within(maxEndMs, ended);
      assert.equal(end.reason, 'error');
      assert.match(end.message!, /engine host/);
      assert.equal(events.filter(({ kind }) => kind === 'end').length, 1);
    }
    assert.ok(performance.now() - sentMs < maxEndMs);
    assert.notEqual(engine.state(), 'ready', 'the state tells the truth meanwhile');
    const refused = await within(maxEndMs, run(engine, 5).ended);
    assert.equal(refused.reason, 'error');
    await until(() => engine.state() === 'ready', 'another host serves', 10_000);
    assert.notEqual(engine.pid(), pid);
    assert.ok(!isRunning(String(pid)), 'the old host is gone');
    assert.equal(engine.stats().restarts, 1);
    await serves(engine);
  });
}

test('a host that is killed again and again comes back each time', async () => {
  const engine = await start();
  for (let kills = 1; kills <= 3; kills++) {
    process.kill(engine.pid()!, 'SIGKILL');
    await until(
      () => engine.stats().restarts === kills && engine.state() === 'ready',
      'another host serves',
      15_000,
    );
  }
  await serves(engine);
});

test('a version that cannot be loaded is an error that says why', async () => {
  await assert.rejects(
    start({ folder: '/nowhere' }),
    (error: unknown) => error instanceof MillraceError && error.code === 'engine_unavailable',
  );
});

test('a host that does not get ready in time is ended', async () => {
  await assert.rejects(start({ startTimeoutMs: 1 }), /not ready within 1 ms/);
});

test('closing ends the host, and its requests', async () => {
  const engine = await start();
  const { started, ended } = run(engine, 4000);
  await within(5_000, started);
  const pid = engine.pid()!;
  await engine.close();
  assert.equal((await within(maxEndMs, ended)).reason, 'error');
  assert.ok(!isRunning(String(pid)));
  assert.equal(engine.state(), 'stopped');
});
