/** Merged weights against the adapter's own forward, which adds x·A·B beside each linear and never touches a weight. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Family, families, maxDifference, openFixture } from '../../test/parity/imported.ts';
import { openBaseWeights } from '../../trainer/train/base-weights.ts';
import { openForwardSession } from '../../trainer/train/forward-session.ts';
import type { Parameters } from '../../trainer/train/gradient-session.ts';
import type { Adapter } from '../adapter/adapter.ts';
import { type LoraShape, loraParameters, loraTargets } from '../adapter/lora.ts';
import type { DecoderConfig } from '../arch/config.ts';
import { createRng } from '../rng.ts';
import { createOpenGraph } from '../runtime/open-graph.ts';
import type { Checkpoint } from './checkpoint.ts';
import { mergeAdapters } from './merged.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-merged-'));
after(() => rmSync(scratch, { recursive: true }));
const open = createOpenGraph({ threads: 1 });
let numFolders = 0;

async function openDecoder(family: Family): Promise<{ checkpoint: Checkpoint; config: DecoderConfig }> {
  const checkpoint = await openFixture(family);
  assert.ok(checkpoint.config.kind === 'decoder');
  return { checkpoint, config: checkpoint.config };
}

function randomAdapter(config: DecoderConfig, seed: number, partial: Partial<LoraShape> = {}): Adapter {
  const shape = { rank: 4, alpha: 6, firstLayer: 0, targets: loraTargets, ...partial };
  const rng = createRng(seed);
  const draw = (): number => (rng.next() - 0.5) * 0.3;
  const values = loraParameters(config, shape).map(
    ({ name, dims }) => [name, Float32Array.from({ length: dims[0]! * dims[1]! }, draw)] as const,
  );
  return { shape, values: new Map(values) };
}

const zerosLike = ({ values }: Adapter): Parameters =>
  new Map([...values].map(([name, { length }]) => [name, new Float32Array(length)]));

const text = { tokens: Array.from({ length: 24 }, (_, index) => 3 + ((index * 37) % 90)), from: 1 };

/** Logits of the text, [23, vocab]. */
async function logitsOf(checkpoint: Checkpoint, shape: LoraShape, values: Parameters): Promise<Float32Array> {
  const base = await openBaseWeights(join(scratch, String(numFolders++)), async () => checkpoint);
  const forward = await openForwardSession(base, shape, open);
  const [scored] = await forward.score(values, [text], { logits: 'all' });
  await forward.close();
  return scored!.logits;
}

const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

for (const family of families) {
  test(`${family}: merged weights do what the adapter does`, async () => {
    const { checkpoint, config } = await openDecoder(family);
    const adapter = randomAdapter(config, 7);
    const zeros = zerosLike(adapter);
    const wanted = await logitsOf(checkpoint, adapter.shape, adapter.values);
    const merged = mergeAdapters((await openDecoder(family)).checkpoint, [adapter]);
    const got = await logitsOf(merged, adapter.shape, zeros);
    const plain = await logitsOf((await openDecoder(family)).checkpoint, adapter.shape, zeros);
    assert.ok(maxDifference(got, wanted) < 1e-5 * largest(wanted), `${maxDifference(got, wanted)}`);
    assert.ok(maxDifference(plain, wanted) > 0.1 * largest(wanted), 'the adapter changes something');
  });
}

test('a second adapter, learned on top of the first one merged, adds to it', async () => {
  const { checkpoint, config } = await openDecoder('qwen3');
  const first = randomAdapter(config, 1);
  const second = randomAdapter(config, 2, { rank: 2, alpha: 5, firstLayer: 1, targets: ['q', 'down'] });
  const below = mergeAdapters(checkpoint, [first]);
  const wanted = await logitsOf(below, { ...second.shape, firstLayer: 0 }, fromLayer0(second, config));
  const both = mergeAdapters((await openDecoder('qwen3')).checkpoint, [first, second]);
  const got = await logitsOf(both, first.shape, zerosLike(first));
  assert.ok(maxDifference(got, wanted) < 1e-5 * largest(wanted));
});

/** The same adapter with factors of zero in the layers that it leaves out. */
function fromLayer0(adapter: Adapter, config: DecoderConfig): Parameters {
  const all = loraParameters(config, { ...adapter.shape, firstLayer: 0 });
  return new Map(
    all.map(({ name, dims }) => [name, adapter.values.get(name) ?? new Float32Array(dims[0]! * dims[1]!)]),
  );
}

test('what no adapter is on is read as it is stored, and what is read is never that of before', async () => {
  const { checkpoint, config } = await openDecoder('llama3');
  const merged = mergeAdapters(checkpoint, [randomAdapter(config, 3, { targets: ['v'], firstLayer: 1 })]);
  const changed = [];
  for (const name of checkpoint.tensors.keys()) {
    const [now, before] = [await merged.read(name), await checkpoint.read(name)];
    if (maxDifference(now, before) !== 0) changed.push(name);
    assert.deepEqual(await merged.read(name), now);
  }
  assert.deepEqual(changed, ['model.layers.1.self_attn.v_proj.weight']);
  await merged.close();
});

test('an adapter of another model is refused', async () => {
  const { checkpoint, config } = await openDecoder('llama3');
  const other = randomAdapter({ ...config, hiddenSize: config.hiddenSize + 1 }, 4);
  assert.throws(() => mergeAdapters(checkpoint, [other]), /an adapter does not fit it: lora\.0\.q\.a has/);
  await checkpoint.close();
});
