import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import type { PrefillChunk, StepEngine } from '../../server/batching/engine.ts';
import { createStepEngine } from '../../server/models/onnxruntime/step-engine.ts';
import { fixturePath } from '../root.ts';
import {
  type Family,
  families,
  type Golden,
  maxDifference,
  openFixture,
  readGolden,
  Scratch,
} from './imported.ts';

/** What the reference logits' own rounding and another order of sums may differ by, and room. */
const tolerance = 1e-3;
const scratch = new Scratch();
after(() => scratch.remove());

const start = (folder: string): Promise<StepEngine> =>
  createStepEngine({
    folder,
    numSlots: 4,
    maxContext: 128,
    threads: 1,
    sharedThreads: null,
    maxLogitRows: 64,
    maxAdapterRows: 0,
  });

const chunkOf = (
  tokens: readonly number[],
  { slot = 0, start: first = 0, logits = 'all' as PrefillChunk['logits'] } = {},
): PrefillChunk => ({ slot, start: first, tokens, logits, adapter: null });

/** Largest difference of all kept rows; `row` is the logits of a position. */
function worst(golden: Golden, row: (position: number) => ArrayLike<number>): number {
  return Math.max(
    ...golden.rows.map((position, index) => maxDifference(row(position), golden.logits[index]!)),
  );
}

async function withEngine(family: Family, use: (engine: StepEngine, golden: Golden) => Promise<void>) {
  const folder = await scratch.import(await openFixture(family), 'fp32');
  const engine = await start(folder);
  try {
    await use(engine, readGolden(family));
  } finally {
    await engine.close();
  }
}

/** Feeds tokens from `first` on one by one; the logits of the last. */
async function decodeFrom(engine: StepEngine, ids: readonly number[], first: number): Promise<Float32Array> {
  let logits = new Float32Array();
  for (let position = first; position < ids.length; position++) {
    const decode = [{ slot: 0, token: ids[position]!, position, adapter: null }];
    logits = Float32Array.from(await engine.step({ decode, chunk: null }));
  }
  return logits;
}

for (const family of families) {
  describe(`${family}: fp32 logits equal Transformers'`, () => {
    test('for a prompt in one chunk', () =>
      withEngine(family, async (engine, golden) => {
        const logits = await engine.step({ decode: [], chunk: chunkOf(golden.ids) });
        const row = (at: number) => logits.subarray(at * engine.vocabSize, (at + 1) * engine.vocabSize);
        assert.ok(worst(golden, row) < tolerance);
      }));

    test('for a prompt in uneven chunks beside a decoding sequence, then token by token', () =>
      withEngine(family, async (engine, golden) => {
        const { ids } = golden;
        await engine.step({ decode: [], chunk: chunkOf([5, 6, 7], { slot: 0, logits: 'none' }) });
        const other = [{ slot: 0, token: 9, position: 3, adapter: null }];
        await engine.step({ decode: other, chunk: chunkOf(ids.slice(0, 7), { slot: 1, logits: 'none' }) });
        const rest = { slot: 1, start: 7, logits: 'last' as const };
        const logits = await engine.step({ decode: other, chunk: chunkOf(ids.slice(7, 24), rest) });
        const row = logits.subarray(engine.vocabSize, 2 * engine.vocabSize);
        assert.ok(maxDifference(row, golden.logits[golden.rows.indexOf(23)]!) < tolerance);
        engine.copySlot(1, 0, 24);
        assert.ok(maxDifference(await decodeFrom(engine, ids, 24), golden.logits.at(-1)!) < tolerance);
      }));

    test('over cache blocks that were read out and written back elsewhere', () =>
      withEngine(family, async (engine, golden) => {
        const { ids } = golden;
        await engine.step({ decode: [], chunk: chunkOf(ids.slice(0, 32), { slot: 2, logits: 'none' }) });
        const blocks = [0, 16].map((first) => engine.readBlock(2, first, 16));
        await engine.step({ decode: [], chunk: chunkOf(ids.toReversed().slice(0, 32), { slot: 2 }) });
        for (const [index, block] of blocks.entries()) engine.writeBlock(0, 16 * index, block);
        assert.ok(maxDifference(await decodeFrom(engine, ids, 32), golden.logits.at(-1)!) < tolerance);
      }));
  });

  test(`${family}: quantized logits stay near fp32's, the more bits the nearer`, async () => {
    const golden = readGolden(family);
    const errors: Record<string, number> = {};
    for (const quantization of ['int8', 'int8-block', 'int4'] as const) {
      const engine = await start(await scratch.import(await openFixture(family), quantization));
      const logits = await engine.step({ decode: [], chunk: chunkOf(golden.ids) });
      const [sum, difference] = [0, 0].map(() => ({ squares: 0 }));
      golden.rows.forEach((position, index) => {
        golden.logits[index]!.forEach((value, token) => {
          sum!.squares += value ** 2;
          difference!.squares += (logits[position * engine.vocabSize + token]! - value) ** 2;
        });
      });
      errors[quantization] = Math.sqrt(difference!.squares / sum!.squares);
      await engine.close();
    }
    // Random weights amplify rounding; a wrong scale, zero point or layout would give an error near one or above.
    assert.ok(errors.int8! < 0.15, `int8 ${errors.int8}`);
    assert.ok(errors['int8-block']! < 0.06, `int8-block ${errors['int8-block']}`);
    assert.ok(errors.int4! < 0.5, `int4 ${errors.int4}`);
    assert.ok(errors['int8-block']! < errors.int8! && errors.int8! < errors.int4!);
  });
}

test('a GGUF of the Llama 3 checkpoint, its rotary scaling as divisors, gives the same logits', async () => {
  const folder = await scratch.import(await openCheckpoint(fixturePath('gguf/llama3.gguf')), 'fp32');
  const engine = await start(folder);
  const golden = readGolden('llama3');
  const logits = await engine.step({ decode: [], chunk: chunkOf(golden.ids) });
  const row = (at: number) => logits.subarray(at * engine.vocabSize, (at + 1) * engine.vocabSize);
  assert.ok(worst(golden, row) < tolerance);
  await engine.close();
});
