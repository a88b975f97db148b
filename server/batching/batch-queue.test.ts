import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian, type Rng } from '../../core/rng.ts';
import { type Batch, type BatchItem, BatchQueue } from './batch-queue.ts';

const limits = { minSize: 4, maxSize: 32, targetMs: 50 };
const tokens = 16;

interface Arrival extends BatchItem {
  readonly atMs: number;
}

/** An engine whose batches take base + perItem · n, give or take a tenth; `factor` scales it from some batch on. */
interface Latency {
  readonly baseMs: number;
  readonly perItemMs: number;
  readonly factor: (numBatch: number) => number;
}

const service: Latency = { baseMs: 1.5, perItemMs: 1, factor: () => 1 };

function tookMs(size: number, { baseMs, perItemMs, factor }: Latency, numBatch: number, rng: Rng): number {
  const noise = Math.max(0.7, 1 + 0.1 * nextGaussian(rng));
  return (baseMs + perItemMs * size) * factor(numBatch) * noise;
}

interface Run {
  /** From arrival to result, by item. */
  readonly latenciesMs: number[];
  /** Slowest item of each batch. */
  readonly slowestMs: number[];
  readonly endMs: number;
}

/** One engine that is never idle while something waits, on a virtual clock. */
function simulate(arrivals: readonly Arrival[], engine: Latency, rng: Rng): Run {
  const queue = new BatchQueue<Arrival>(limits);
  const run: Run & { endMs: number } = { latenciesMs: [], slowestMs: [], endMs: 0 };
  let next = 0;
  let nowMs = 0;
  while (next < arrivals.length || queue.numWaiting > 0) {
    if (queue.numWaiting === 0) nowMs = Math.max(nowMs, arrivals[next]!.atMs);
    while (next < arrivals.length && arrivals[next]!.atMs <= nowMs) queue.push(arrivals[next++]!);
    const batch: Batch<Arrival> = queue.take()!;
    const took = tookMs(batch.items.length, engine, run.slowestMs.length, rng);
    nowMs += took;
    while (next < arrivals.length && arrivals[next]!.atMs <= nowMs) queue.push(arrivals[next++]!);
    queue.finished(batch, took);
    const latencies = batch.items.map(({ atMs }) => nowMs - atMs);
    run.latenciesMs.push(...latencies);
    run.slowestMs.push(Math.max(...latencies));
  }
  run.endMs = nowMs;
  return run;
}

function poisson(count: number, perSecond: number, rng: Rng): Arrival[] {
  let atMs = 0;
  return Array.from({ length: count }, () => {
    atMs += (-Math.log(1 - rng.next()) * 1000) / perSecond;
    return { atMs, length: tokens };
  });
}

/** Items per second of an engine that always runs batches of the best fixed size. */
function bestFixed({ baseMs, perItemMs }: Latency): number {
  const sizes = Array.from({ length: limits.maxSize }, (_, index) => index + 1);
  return Math.max(...sizes.map((size) => (size * 1000) / (baseMs + perItemMs * size)));
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;

for (const share of [0.5, 0.8]) {
  test(`under Poisson load of ${share} of capacity, p99 stays within the target`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rng = createRng(seed);
      const run = simulate(poisson(5000, share * bestFixed(service), rng), service, rng);
      const p99 = percentile(run.latenciesMs, 0.99);
      assert.ok(p99 <= limits.targetMs, `seed ${seed}: p99 ${p99.toFixed(1)} ms`);
    }
  });
}

test('saturated, it reaches 95 % of the best fixed size', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const all = Array.from({ length: 2000 }, () => ({ atMs: 0, length: tokens }));
    const run = simulate(all, service, createRng(seed));
    const perSecond = (all.length * 1000) / run.endMs;
    assert.ok(perSecond >= 0.95 * bestFixed(service), `seed ${seed}: ${perSecond.toFixed(0)} per second`);
  }
});

test('a service time that doubles is back within the target after ten batches', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const rng = createRng(seed);
    const from = 200;
    const slower: Latency = { ...service, factor: (batch) => (batch < from ? 1 : 2) };
    const arrivals = poisson(5000, 0.3 * bestFixed(service), rng);
    const { slowestMs } = simulate(arrivals, slower, rng);
    assert.ok(slowestMs.length > from + 100);
    const after = slowestMs.slice(from + 10);
    const late = after.filter((ms) => ms > limits.targetMs).length / after.length;
    assert.ok(late <= 0.01, `seed ${seed}: ${(100 * late).toFixed(1)} % of later batches are late`);
  }
});

test('a lone item runs at once, whatever the least size', () => {
  const run = simulate(poisson(50, 1, createRng(3)), service, createRng(4));
  const alone = service.baseMs + service.perItemMs;
  assert.ok(percentile(run.latenciesMs, 1) < 1.5 * alone);
});

test('a batch holds items of one length bucket, the oldest among them, in order of arrival', () => {
  const queue = new BatchQueue<BatchItem & { name: string }>(limits);
  const item = (name: string, length: number) => ({ name, length });
  for (const each of [item('a', 100), item('b', 10), item('c', 120), item('d', 12), item('e', 64)]) {
    queue.push(each);
  }
  const names = (): string =>
    queue
      .take()!
      .items.map(({ name }) => name)
      .join('');
  assert.deepEqual([names(), names(), names()], ['ac', 'bd', 'e']);
  assert.equal(queue.take(), null);
});

test('long items come in smaller batches, as many as the fitted line lets into the time', () => {
  const queue = new BatchQueue<BatchItem>(limits);
  const run = (length: number, count: number): number => {
    for (let index = 0; index < count; index++) queue.push({ length });
    const batch = queue.take()!;
    queue.finished(batch, 2 + 0.05 * batch.paddedTokens);
    while (queue.take() !== null);
    return batch.items.length;
  };
  for (let round = 0; round < 20; round++) run(round % 2 === 0 ? 16 : 128, 40);
  const [short, long] = [run(16, 40), run(128, 40)];
  // (22.5 - 2) / 0.05 = 410 padded tokens fit.
  assert.ok(short >= 20 && long <= 4 && long >= 2, `${short} short, ${long} long`);
});
