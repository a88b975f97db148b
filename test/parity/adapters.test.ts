import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { LayerLinear } from '../../core/arch/decoder.ts';
import { cacheName, loraInputs, loraName } from '../../core/arch/serving-graph.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { createRng } from '../../core/rng.ts';
import { createStepEngine } from '../../server/models/onnxruntime/step-engine.ts';
import { families, maxDifference, openFixture, readGolden, Scratch } from './imported.ts';

const rank = 4;
const scratch = new Scratch();
after(() => scratch.remove());

/** Joint A [in, width] and B [width, out] of one linear, as the graph takes them. */
interface Adapter {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly width: number;
}

const keyOf = (layer: number, linear: LayerLinear): string => `${layer}.${linear}`;

function randomAdapters(config: DecoderConfig, seed: number): Map<string, Adapter> {
  const rng = createRng(seed);
  const matrix = (size: number): Float32Array =>
    Float32Array.from({ length: size }, () => (rng.next() - 0.5) * 0.4);
  const adapters = new Map<string, Adapter>();
  for (const { layer, linear, size } of loraInputs(config)) {
    const width = linear === 'qkv' ? 3 * rank : rank;
    const b = matrix(width * size[1]);
    if (linear === 'qkv') keepBlocks(b, config);
    adapters.set(keyOf(layer, linear), { a: matrix(size[0] * width), b, width });
  }
  return adapters;
}

/** q's, k's and v's factors write to their own outputs only. */
function keepBlocks(b: Float32Array, { numHeads, numKvHeads, headSize }: DecoderConfig): void {
  const [queries, keys] = [numHeads * headSize, numKvHeads * headSize];
  const outSize = queries + 2 * keys;
  const partOf = (out: number): number => (out < queries ? 0 : out < queries + keys ? 1 : 2);
  for (let row = 0; row < 3 * rank; row++) {
    for (let out = 0; out < outSize; out++) {
      if (partOf(out) !== Math.floor(row / rank)) b[row * outSize + out] = 0;
    }
  }
}

/** The checkpoint with W + (A·B)ᵀ in place of W. */
function merged(
  checkpoint: Checkpoint,
  config: DecoderConfig,
  adapters: ReadonlyMap<string, Adapter>,
): Checkpoint {
  const keys = config.numKvHeads * config.headSize;
  const queries = config.numHeads * config.headSize;
  const total = queries + 2 * keys;
  const places: Record<string, [LayerLinear, number, number]> = {
    q_proj: ['qkv', 0, total],
    k_proj: ['qkv', queries, total],
    v_proj: ['qkv', queries + keys, total],
    o_proj: ['o', 0, config.hiddenSize],
    gate_proj: ['gate', 0, config.intermediateSize],
    up_proj: ['up', 0, config.intermediateSize],
    down_proj: ['down', 0, config.hiddenSize],
  };
  return {
    ...checkpoint,
    async read(name) {
      const values = await checkpoint.read(name);
      const match = /layers\.(\d+)\..*\.(\w+_proj)\.weight$/.exec(name);
      if (match === null) return values;
      const [linear, offset, width] = places[match[2]!]!;
      const { a, b, width: joint } = adapters.get(keyOf(Number(match[1]), linear))!;
      const inSize = a.length / joint;
      return values.map((value, index) => {
        const [out, input] = [Math.floor(index / inSize), index % inSize];
        let sum = value;
        for (let r = 0; r < joint; r++) sum += a[input * joint + r]! * b[r * width + offset + out]!;
        return sum;
      });
    },
  };
}

/** One run of the graph with adapter inputs over a whole prompt in the chunk; `scale` is in the mask. */
async function runWithAdapters(
  folder: string,
  config: DecoderConfig,
  adapters: ReadonlyMap<string, Adapter>,
  ask: { ids: readonly number[]; rows: readonly number[]; scale: number },
): Promise<Float32Array> {
  const session = await InferenceSession.create(join(folder, 'serving-lora.onnx'), { intraOpNumThreads: 1 });
  const numTokens = ask.ids.length + 1;
  const long = (values: readonly number[], dims: number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values.map(BigInt)), dims);
  const short = (value: number): Tensor => new Tensor('int32', Int32Array.of(value), [1]);
  const feeds: Record<string, Tensor> = {
    // The stand-in decode row comes first and is masked out of the adapters.
    input_ids: long([0, ...ask.ids], [1, numTokens]),
    split: long([1, ask.ids.length], [2]),
    rows: long(
      ask.rows.map((row) => row + 1),
      [ask.rows.length],
    ),
    decode_lengths: short(0),
    decode_total: short(1),
    chunk_lengths: short(ask.ids.length - 1),
    chunk_total: short(ask.ids.length),
    lora_mask: new Tensor(
      'float32',
      Float32Array.from({ length: numTokens * rank }, (_, index) => (index < rank ? 0 : ask.scale)),
      [1, numTokens, rank],
    ),
  };
  const cacheDims = [1, config.numKvHeads, 64, config.headSize];
  for (let layer = 0; layer < config.numLayers; layer++) {
    for (const group of ['decode', 'chunk'] as const) {
      for (const part of ['k', 'v'] as const) {
        const data = new Float32Array(cacheDims.reduce((product, size) => product * size, 1));
        feeds[cacheName(group, part, layer)] = new Tensor('float32', data, cacheDims);
      }
    }
  }
  for (const { layer, linear, size } of loraInputs(config)) {
    const { a, b, width } = adapters.get(keyOf(layer, linear))!;
    feeds[loraName(layer, linear, 'a')] = new Tensor('float32', a, [size[0], width]);
    feeds[loraName(layer, linear, 'b')] = new Tensor('float32', b, [width, size[1]]);
  }
  const { logits } = await session.run(feeds, ['logits']);
  await session.release();
  return logits!.data as Float32Array;
}

for (const family of families) {
  test(`${family}: adapter inputs give the logits of merged weights, and none with a mask of zero`, async () => {
    const checkpoint = await openFixture(family);
    assert.ok(checkpoint.config.kind === 'decoder');
    const { config } = checkpoint;
    const adapters = randomAdapters(config, 11);
    const folder = await scratch.import(checkpoint, 'fp32');
    const { ids, rows, logits: golden } = readGolden(family);
    const reference = await createStepEngine({
      folder: await scratch.import(merged(await openFixture(family), config, adapters), 'fp32'),
      numSlots: 1,
      maxContext: 64,
      threads: 1,
      maxLogitRows: 64,
    });
    const all = await reference.step({
      decode: [],
      chunk: { slot: 0, start: 0, tokens: ids, logits: 'all' },
    });
    const wanted = rows.flatMap((row) => [
      ...all.subarray(row * config.vocabSize, (row + 1) * config.vocabSize),
    ]);
    await reference.close();
    const adapted = await runWithAdapters(folder, config, adapters, { ids, rows, scale: 1 });
    assert.ok(maxDifference(adapted, wanted) < 2e-3);
    const plain = await runWithAdapters(folder, config, adapters, { ids, rows, scale: 0 });
    assert.ok(maxDifference(plain, golden.flat()) < 1e-3);
    assert.ok(maxDifference(plain, adapted) > 0.1, 'the adapters change something');
  });
}

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
