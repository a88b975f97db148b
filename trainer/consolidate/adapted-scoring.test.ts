/** Scores beside adapters against those of a version imported with the same adapters merged. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Adapter } from '../../core/adapter/adapter.ts';
import { basisFile, decodeBasis } from '../../core/adapter/basis.ts';
import { type LoraShape, loraParameters } from '../../core/adapter/lora.ts';
import { type ServedAdapter, toServed } from '../../core/adapter/served.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import { mergeAdapters } from '../../core/checkpoint/merged.ts';
import type { ModelDescription } from '../../core/import/import.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import { createRng } from '../../core/rng.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { openFixture, Scratch } from '../../test/parity/imported.ts';
import { writeAdaptedScoring } from './adapted-scoring.ts';
import { type ScoringGraph, scoreTexts } from './score-texts.ts';

const versions = new Scratch();
const scratch = mkdtempSync(join(tmpdir(), 'millrace-adapted-'));
after(() => {
  versions.remove();
  rmSync(scratch, { recursive: true });
});

const text = { tokens: Array.from({ length: 40 }, (_, index) => 3 + ((index * 41) % 90)), from: 2 };
const refuse = (reason: string): never => {
  throw new Error(reason);
};

function randomAdapter(config: DecoderConfig, seed: number, shape: LoraShape): Adapter {
  const rng = createRng(seed);
  const draw = (): number => (rng.next() - 0.5) * 0.4;
  const values = loraParameters(config, shape).map(
    ({ name, dims }) => [name, Float32Array.from({ length: dims[0]! * dims[1]! }, draw)] as const,
  );
  return { shape, values: new Map(values) };
}

const adaptersOf = (config: DecoderConfig): Adapter[] => [
  randomAdapter(config, 1, { rank: 4, alpha: 8, firstLayer: 0, targets: ['q', 'k', 'v', 'o', 'up', 'down'] }),
  randomAdapter(config, 2, { rank: 2, alpha: 3, firstLayer: 1, targets: ['v', 'gate', 'down'] }),
];

async function configOf(): Promise<DecoderConfig> {
  const checkpoint = await openFixture('qwen2');
  await checkpoint.close();
  return checkpoint.config as DecoderConfig;
}

async function logprobsOf(graph: ScoringGraph): Promise<Float32Array> {
  const [scores] = await scoreTexts(graph, [text], createOpenGraph({ threads: 1 }), () => {});
  return scores!.logprobs;
}

async function adaptedLogprobs(quantization: Quantization, adapters: readonly Adapter[]) {
  const folder = await versions.import(await openFixture('qwen2'), quantization);
  const described = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as ModelDescription;
  assert.ok(described.config.kind === 'decoder');
  const { config, weights } = { config: described.config, weights: described.weights! };
  const basis = decodeBasis(readFileSync(join(folder, basisFile)), config, refuse);
  const served = adapters.map((adapter): ServedAdapter => toServed(adapter, config, basis));
  const own = join(scratch, `${quantization}-${adapters.length}`);
  mkdirSync(own);
  return logprobsOf(await writeAdaptedScoring({ folder, config, weights, adapters: served }, own));
}

async function mergedLogprobs(quantization: Quantization): Promise<Float32Array> {
  const checkpoint = await openFixture('qwen2');
  const merged = mergeAdapters(checkpoint, adaptersOf(checkpoint.config as DecoderConfig));
  const folder = await versions.import(merged, quantization);
  return logprobsOf({ path: join(folder, 'scoring.onnx'), feeds: {} });
}

/** Root mean square of the difference. */
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0) / a.length);

test('two adapters beside full-precision linears score as when they are merged', async () => {
  const adapters = adaptersOf(await configOf());
  const wanted = await mergedLogprobs('fp32');
  const got = await adaptedLogprobs('fp32', adapters);
  assert.ok(distance(got, wanted) < 1e-4, `${distance(got, wanted)}`);
  assert.ok(distance(await adaptedLogprobs('fp32', []), wanted) > 0.5, 'the adapters change something');
});

test('in a rotated and quantized version they score as when they are merged, but for rounding', async () => {
  const adapters = adaptersOf(await configOf());
  const wanted = await mergedLogprobs('fp32');
  const rounding = distance(await mergedLogprobs('int8-block'), wanted);
  const got = distance(await adaptedLogprobs('int8-block', adapters), wanted);
  const without = distance(await adaptedLogprobs('int8-block', []), wanted);
  assert.ok(got < 2 * rounding, `${got}, merged and quantized ${rounding}`);
  assert.ok(without > 10 * rounding, `${without} without adapters`);
});
