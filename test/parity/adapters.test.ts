/** Adapters in the serving graph against the same weights merged into the checkpoint, in every basis and together. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Adapter, factorsOf } from '../../core/adapter/adapter.ts';
import { basisFile, decodeBasis } from '../../core/adapter/basis.ts';
import { type LoraTarget, loraParameters, loraTargets } from '../../core/adapter/lora.ts';
import { decodePeft, encodePeft } from '../../core/adapter/peft.ts';
import { encodeServed, toServed } from '../../core/adapter/served.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import { layerLinears } from '../../core/arch/decoder.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import { createRng } from '../../core/rng.ts';
import type { DecodeRow, StepEngine } from '../../server/batching/engine.ts';
import { createStepEngine, type StepEngineOptions } from '../../server/models/onnxruntime/step-engine.ts';
import { pause } from '../until.ts';
import { type Family, families, maxDifference, openFixture, readGolden, Scratch } from './imported.ts';

const scratch = new Scratch();
after(() => scratch.remove());

const refuse = (reason: string): never => {
  throw new Error(reason);
};

function randomAdapter(
  config: DecoderConfig,
  seed: number,
  options: Partial<Adapter['shape']> = {},
): Adapter {
  const shape = { rank: 4, alpha: 6, firstLayer: 0, targets: loraTargets, ...options };
  const rng = createRng(seed);
  const values = new Map(
    loraParameters(config, shape).map(({ name, dims }) => {
      const draw = (): number => (rng.next() - 0.5) * 0.5;
      return [name, Float32Array.from({ length: dims[0]! * dims[1]! }, draw)] as const;
    }),
  );
  return { shape, values };
}

/** The checkpoint with W + (α/r)·(A·B)ᵀ in place of W. */
function merged(checkpoint: Checkpoint, adapter: Adapter): Checkpoint {
  return {
    ...checkpoint,
    async read(name) {
      const values = await checkpoint.read(name);
      const match = /layers\.(\d+)\..*\.(\w+)_proj\.weight$/.exec(name);
      const factors = match && factorsOf(adapter, Number(match[1]), match[2] as LoraTarget);
      if (!factors) return values;
      const { rank, alpha } = adapter.shape;
      const inSize = factors.a.length / rank;
      const outSize = factors.b.length / rank;
      return values.map((value, index) => {
        const [out, input] = [Math.floor(index / inSize), index % inSize];
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += factors.a[input * rank + r]! * factors.b[r * outSize + out]!;
        return value + (alpha / rank) * sum;
      });
    },
  };
}

const startOptions = (folder: string): StepEngineOptions => ({
  folder,
  numSlots: 4,
  maxContext: 64,
  threads: 1,
  sharedThreads: null,
  maxLogitRows: 64,
  maxAdapterRows: 16,
});

const start = (folder: string): Promise<StepEngine> => createStepEngine(startOptions(folder));

async function served(folder: string, config: DecoderConfig, adapter: Adapter): Promise<Uint8Array> {
  const basis = decodeBasis(await readFile(join(folder, basisFile)), config, refuse);
  return encodeServed(toServed(adapter, config, basis));
}

async function load(engine: StepEngine, id: string, bytes: Uint8Array): Promise<void> {
  const advance = engine.stageAdapter(id, bytes);
  while (!advance()) await pause(0);
}

async function logitsOf(
  engine: StepEngine,
  ids: readonly number[],
  adapter: string | null,
): Promise<Float32Array> {
  const chunk = { slot: 0, start: 0, tokens: ids, logits: 'all' as const, adapter };
  return Float32Array.from(await engine.step({ decode: [], chunk }));
}

async function open(family: Family, quantization: Quantization) {
  const checkpoint = await openFixture(family);
  const { config } = checkpoint;
  assert.ok(config.kind === 'decoder');
  const folder = await scratch.import(checkpoint, quantization);
  return { config, folder, engine: await start(folder) };
}

for (const family of families) {
  test(`${family}: with an adapter, logits are those of merged weights; without, those of the base`, async () => {
    const { config, folder, engine } = await open(family, 'fp32');
    const adapter = randomAdapter(config, 11);
    const { ids } = readGolden(family);
    const reference = await start(await scratch.import(merged(await openFixture(family), adapter), 'fp32'));
    const wanted = await logitsOf(reference, ids, null);
    const plain = await logitsOf(engine, ids, null);
    await load(engine, 'x', await served(folder, config, adapter));
    assert.ok(maxDifference(await logitsOf(engine, ids, 'x'), wanted) < 2e-3);
    assert.deepEqual(await logitsOf(engine, ids, null), plain);
    assert.ok(maxDifference(plain, wanted) > 1, 'the adapter changes something');
    await Promise.all([engine.close(), reference.close()]);
  });
}

/** Root mean square of the difference. */
function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0) / a.length);
}

for (const quantization of ['int8-block', 'int8'] as const) {
  test(`${quantization}: an adapter of the checkpoint works in the rotated and smoothed basis`, async () => {
    const { config, folder, engine } = await open('smollm2', quantization);
    const adapter = randomAdapter(config, 12);
    const { ids } = readGolden('smollm2');
    const merge = async (as: Quantization) =>
      start(await scratch.import(merged(await openFixture('smollm2'), adapter), as));
    const [reference, requantized] = [await merge('fp32'), await merge(quantization)];
    const wanted = await logitsOf(reference, ids, null);
    await load(engine, 'x', await served(folder, config, adapter));
    const ofAdapter = distance(await logitsOf(engine, ids, 'x'), wanted);
    const ofQuantization = distance(await logitsOf(requantized, ids, null), wanted);
    const ofNothing = distance(await logitsOf(engine, ids, null), wanted);
    assert.ok(ofAdapter < 1.5 * ofQuantization, `${ofAdapter}, merged and quantized ${ofQuantization}`);
    assert.ok(ofNothing > 10 * ofQuantization, `${ofNothing} without the adapter`);
    await Promise.all([engine, reference, requantized].map((each) => each.close()));
  });
}

test('several adapters in one step, of different ranks and layers, each give what they give alone', async () => {
  const { config, folder, engine } = await open('llama3', 'fp32');
  const { ids } = readGolden('llama3');
  const shapes = {
    x: {},
    y: { rank: 2, alpha: 8 },
    z: { firstLayer: 1, targets: ['q', 'v', 'down'] as const },
  };
  for (const [index, [id, shape]] of Object.entries(shapes).entries()) {
    await load(engine, id, await served(folder, config, randomAdapter(config, index, shape)));
  }
  const alone = async (slot: number, adapter: string | null): Promise<Float32Array> => {
    const tokens = ids.slice(slot, slot + 9);
    const part = { slot, start: 0, adapter };
    await engine.step({ decode: [], chunk: { ...part, tokens: tokens.slice(0, 8), logits: 'none' } });
    const chunk = { ...part, start: 8, tokens: tokens.slice(8), logits: 'last' as const };
    return Float32Array.from(await engine.step({ decode: [], chunk }));
  };
  const users = ['x', 'y', null, 'z'];
  const wanted: Float32Array[] = [];
  for (const [slot, adapter] of users.entries()) wanted.push(await alone(slot, adapter));
  const rowOf = (slot: number): DecodeRow => ({
    slot,
    token: ids[slot + 8]!,
    position: 8,
    adapter: users[slot]!,
  });
  const chunk = { slot: 3, start: 8, tokens: [ids[11]!], logits: 'last' as const, adapter: 'z' };
  const logits = await engine.step({ decode: [0, 1, 2].map(rowOf), chunk });
  wanted.forEach((row, index) => {
    const got = logits.subarray(index * engine.vocabSize, (index + 1) * engine.vocabSize);
    assert.ok(maxDifference(got, row) < 1e-3);
  });
  engine.dropAdapter('x');
  await load(engine, 'again', await served(folder, config, randomAdapter(config, 0)));
  await engine.step({
    decode: [],
    chunk: { slot: 0, start: 0, tokens: ids.slice(0, 8), logits: 'none', adapter: 'again' },
  });
  const again = await engine.step({ decode: [{ ...rowOf(0), adapter: 'again' }], chunk: null });
  assert.ok(maxDifference(again, wanted[0]!) < 1e-3, 'the place of a dropped adapter is used again');
  await engine.close();
});

test('there is room for so many ranks, and bytes that are no adapter of the model are refused', async () => {
  const { config, folder, engine } = await open('qwen2', 'fp32');
  const bytes = await served(folder, config, randomAdapter(config, 1));
  for (const id of ['a', 'b', 'c', 'd']) await load(engine, id, bytes);
  assert.throws(() => engine.stageAdapter('e', bytes), /no room for an adapter of rank 4/);
  engine.dropAdapter('b');
  await load(engine, 'e', bytes);
  assert.throws(() => engine.stageAdapter('f', bytes.subarray(0, 100)), /the adapter f cannot be used/);
  const other = toServed(
    randomAdapter({ ...config, intermediateSize: 32 }, 1),
    { ...config, intermediateSize: 32 },
    null,
  );
  assert.throws(() => engine.stageAdapter('f', encodeServed(other)), /expected \[4, 96\]/);
  await engine.close();
});

test('an adapter comes back from its PEFT files as it was', async () => {
  const { config } = await openFixture('qwen3');
  assert.ok(config.kind === 'decoder');
  for (const options of [{}, { firstLayer: 1, targets: ['k', 'up'] as const }]) {
    const adapter = randomAdapter(config, 3, options);
    assert.deepEqual(decodePeft(encodePeft(adapter, config, 'base'), config, 'x'), adapter);
  }
});

test('the scoring graph gives the log-likelihood that the reference logits imply, in a padded batch', async () => {
  for (const family of families) {
    const folder = await scratch.import(await openFixture(family), 'fp32');
    const { config } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as {
      config: DecoderConfig;
    };
    const { ids, rows, logits } = readGolden(family);
    const session = await InferenceSession.create(join(folder, 'scoring.onnx'), { intraOpNumThreads: 1 });
    const length = ids.length;
    const padded = [...ids, ...ids.slice(0, 10), ...Array.from({ length: length - 10 }, () => 0)];
    const long = (values: readonly number[], dims: number[]): Tensor =>
      new Tensor('int64', BigInt64Array.from(values.map(BigInt)), dims);
    const targets = rows.map((_, index) => (index * 13 + 7) % config.vocabSize);
    // Row 5 of the second, shorter sequence is row 5 of the first: they begin alike.
    const asked = [...rows, length + 5];
    const { logprobs } = await session.run({
      input_ids: long(padded, [2, length]),
      lengths: new Tensor('int32', Int32Array.of(length - 1, 9), [2]),
      total: new Tensor('int32', Int32Array.of(length), [1]),
      rows: long(asked, [asked.length]),
      targets: long([...targets, targets[rows.indexOf(5)]!], [asked.length, 1]),
    });
    const wanted = rows.map((_, index) => {
      const row = logits[index]!;
      const most = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
      return row[targets[index]!]! - most - Math.log(sum);
    });
    const expected = [...wanted, wanted[rows.indexOf(5)]!];
    assert.ok(maxDifference(logprobs!.data as Float32Array, expected) < 1e-3, family);
    await session.release();
  }
});

/** The fixture's family at the width of a real model, where the runtime splits products. Weights are random, gains one. */
function wide(checkpoint: Checkpoint): Checkpoint {
  const config = checkpoint.config as DecoderConfig;
  const sizes = { hiddenSize: 576, intermediateSize: 1536, numHeads: 9, numKvHeads: 3, headSize: 64 };
  const widths = { q: 576, k: 192, v: 192, o: 576, gate: 1536, up: 1536, down: 576 };
  const shapeOf = (name: string, shape: readonly number[]): readonly number[] => {
    if (shape.length === 1) return [576];
    const linear = /(\w+)_proj\.weight$/.exec(name)?.[1] as keyof typeof widths | undefined;
    return linear === undefined ? [shape[0]!, 576] : [widths[linear], linear === 'down' ? 1536 : 576];
  };
  const tensors = new Map(
    [...checkpoint.tensors].map(([name, info]) => [name, { ...info, shape: shapeOf(name, info.shape) }]),
  );
  return {
    ...checkpoint,
    config: { ...config, ...sizes },
    tensors,
    read: async (name) => {
      const { shape } = tensors.get(name)!;
      if (shape.length === 1) return new Float32Array(shape[0]!).fill(1);
      const rng = createRng(name.length * 31 + Number(/\d+/.exec(name)?.[0] ?? 7));
      return Float32Array.from({ length: shape[0]! * shape[1]! }, () => (rng.next() - 0.5) * 0.1);
    },
  };
}

test('int8: an answer is the same to the last bit, however its prompt is cut and whatever else is in the step', async () => {
  const checkpoint = wide(await openFixture('smollm2'));
  const config = checkpoint.config as DecoderConfig;
  const folder = await scratch.import(checkpoint, 'int8');
  const engine = await createStepEngine({
    folder,
    numSlots: 4,
    maxContext: 64,
    threads: 2,
    sharedThreads: 1,
    maxLogitRows: 1,
    maxAdapterRows: 32,
  });
  for (const [seed, id] of ['x', 'y', 'z'].entries())
    await load(engine, id, await served(folder, config, randomAdapter(config, seed, { rank: 8 })));
  const ids = Array.from({ length: 40 }, (_, index) => 3 + ((index * 29) % 90));
  const said = async (
    adapter: string | null,
    cuts: readonly number[],
    beside: readonly (string | null)[] = [],
  ): Promise<Float32Array> => {
    let start = 0;
    for (const length of cuts) {
      const tokens = ids.slice(start, start + length);
      const decode = beside.map((other, index) => ({
        slot: 1 + index,
        token: 5,
        position: start,
        adapter: other,
      }));
      const isLast = start + length === ids.length;
      const logits = isLast ? ('last' as const) : ('none' as const);
      const result = await engine.step({ decode, chunk: { slot: 0, start, tokens, logits, adapter } });
      if (isLast) return Float32Array.from(result.subarray(-engine.vocabSize));
      start += length;
    }
    throw new Error('the cuts end before the prompt does');
  };
  const plain = await said(null, [40]);
  for (const adapter of [null, 'x']) {
    const alone = await said(adapter, [40]);
    for (const isShared of [false, true]) {
      engine.shareCpu(isShared);
      for (const cuts of [[40], [16, 24], [20, 20], [38, 2], [7, 9, 24], [25, 15]]) {
        for (const beside of [[], ['x'], ['y', 'z'], [null, 'y', 'x']]) {
          const difference = maxDifference(await said(adapter, cuts, beside), alone);
          assert.equal(difference, 0, `${adapter} in ${cuts} beside [${beside}], shared ${isShared}`);
        }
      }
    }
    engine.shareCpu(false);
    if (adapter !== null) assert.ok(maxDifference(alone, plain) > 0.01, 'the adapter changes something');
  }
  await engine.close();
});

test('int8: an adapter on the gate linears says the same to the last bit in the small graph, in the large one, and beside another', async () => {
  const checkpoint = wide(await openFixture('smollm2'));
  const config = checkpoint.config as DecoderConfig;
  const folder = await scratch.import(checkpoint, 'int8');
  const engine = await start(folder);
  const small = randomAdapter(config, 1, { targets: ['gate'] });
  await load(engine, 'gate', await served(folder, config, small));
  const ids = Array.from({ length: 20 }, (_, index) => 3 + ((index * 31) % 90));
  const alone = await logitsOf(engine, ids, 'gate');
  const plain = await logitsOf(engine, ids, null);
  assert.ok(maxDifference(alone, plain) > 0.01, 'it changes something');
  await load(engine, 'all', await served(folder, config, randomAdapter(config, 2)));
  const decode: DecodeRow[] = [{ slot: 1, token: 5, position: 0, adapter: 'all' }];
  const chunk = { slot: 0, start: 0, tokens: ids, logits: 'all' as const, adapter: 'gate' };
  const beside = (await engine.step({ decode, chunk })).subarray(config.vocabSize);
  assert.equal(maxDifference(Float32Array.from(beside), alone), 0);
  engine.dropAdapter('gate');
  await engine.close();
  const large = await createStepEngine({ ...startOptions(folder), adapterLinears: layerLinears });
  await load(large, 'gate', await served(folder, config, small));
  assert.equal(maxDifference(await logitsOf(large, ids, 'gate'), alone), 0);
  await large.close();
});

test('a version that was imported before there was a graph for adapters is refused, and what to do is said', async () => {
  const folder = await scratch.import(await openFixture('smollm2'), 'int8');
  rmSync(join(folder, 'serving-gate-adapters.onnx'));
  await assert.rejects(
    start(folder),
    /serving-gate-adapters\.onnx: an earlier Millrace imported it\. Import it again\./,
  );
});
