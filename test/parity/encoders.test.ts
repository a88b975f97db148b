import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { createEncoderSession } from '../../server/models/onnxruntime/encoder-session.ts';
import { fixturePath } from '../root.ts';
import { maxDifference, Scratch } from './imported.ts';

type Golden = readonly { text: string; ids: readonly number[]; vector: readonly number[] }[];

const scratch = new Scratch();
after(() => scratch.remove());

const readGolden = (pooling: string): Golden =>
  JSON.parse(readFileSync(fixturePath(`encoders/${pooling}/golden.json`), 'utf8')) as Golden;

async function encode(pooling: string, quantization: Quantization): Promise<Float32Array[]> {
  const folder = await scratch.import(await openCheckpoint(fixturePath(`encoders/${pooling}`)), quantization);
  const session = await createEncoderSession({ folder, threads: 1 });
  try {
    return await session.run(readGolden(pooling).map(({ ids }) => ids));
  } finally {
    await session.close();
  }
}

for (const pooling of ['mean', 'cls']) {
  test(`a BERT encoder with ${pooling} pooling gives Transformers' vectors, in one padded batch`, async () => {
    const vectors = await encode(pooling, 'fp32');
    for (const [index, { vector }] of readGolden(pooling).entries()) {
      assert.ok(maxDifference(vectors[index]!, vector) < 1e-5);
    }
  });

  test(`its int8 vectors with ${pooling} pooling point the same way`, async () => {
    const vectors = await encode(pooling, 'int8');
    for (const [index, { vector }] of readGolden(pooling).entries()) {
      const cosine = vector.reduce((sum, value, at) => sum + value * vectors[index]![at]!, 0);
      assert.ok(cosine > 0.99, `cosine ${cosine}`);
    }
  });
}

test('its tokenizer gives the ids of Hugging Face tokenizers, special tokens included', async () => {
  const checkpoint = await openCheckpoint(fixturePath('encoders/mean'));
  const tokenizer = loadTokenizer(checkpoint.tokenizer);
  await checkpoint.close();
  for (const { text, ids } of readGolden('mean')) {
    assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true, allowSpecial: false }), ids);
  }
});
