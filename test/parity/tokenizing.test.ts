import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ggufTokenizer } from '../../core/checkpoint/gguf-tokenizer.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { createRng, type Rng } from '../../core/rng.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { createStreamDecoder } from '../../core/tokenizer/stream-decoder.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { fixturePath } from '../root.ts';
import { realCheckpoint } from './real-model.ts';

interface Spec {
  readonly ranges: readonly (readonly [number, number])[];
  readonly atoms: readonly string[];
}

const numStrings = 10_000;
const groupSize = 20;
const kinds = ['gpt2', 'smollm', 'llama3', 'qwen2', 'sentence-piece', 'word-piece'];

const readJson = (name: string): unknown =>
  JSON.parse(readFileSync(fixturePath(`tokenizers/${name}`), 'utf8'));

/** The same strings as tokenizing.py's. */
function makeStrings(): string[] {
  const spec = readJson('strings.json') as Spec;
  const rng = createRng(9);
  return Array.from({ length: numStrings }, (_, index) => makeString(rng, spec, index));
}

function makeString(rng: Rng, { ranges, atoms }: Spec, index: number): string {
  const below = (count: number): number => Math.floor(rng.next() * count);
  if (index % 20 === 0) {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      Uint8Array.from({ length: 1 + below(12) }, () => below(256)),
    );
  }
  let text = '';
  for (let pieces = 1 + below(12); pieces > 0; pieces--) {
    if (rng.next() < 0.4) text += atoms[below(atoms.length)];
    else {
      const [low, high] = ranges[below(ranges.length)]!;
      for (let count = 1 + below(6); count > 0; count--)
        text += String.fromCodePoint(low + below(high - low + 1));
    }
    if (rng.next() < 0.3) text += ' ';
  }
  return text;
}

const strings = makeStrings();

/** Odd strings with special tokens recognised, even ones with special tokens as text. */
const encodeAt = (tokenizer: Tokenizer, index: number): number[] =>
  tokenizer.encode(strings[index]!, { addSpecialTokens: false, allowSpecial: index % 2 === 1 });

function digestOf(tokenizer: Tokenizer, start: number): string {
  const group = createHash('sha256');
  for (let index = start; index < start + groupSize; index++) {
    group.update(createHash('sha256').update(encodeAt(tokenizer, index).join(',')).digest());
  }
  return group.digest('hex').slice(0, 8);
}

function checkDigests(tokenizer: Tokenizer, name: string): void {
  const digests = readJson(`${name}.digests.json`) as string[];
  assert.equal(digests.length, numStrings / groupSize);
  const wrong = digests.flatMap((digest, group) =>
    digestOf(tokenizer, group * groupSize) === digest ? [] : [group * groupSize],
  );
  assert.deepEqual(wrong, [], 'first strings of the groups that differ');
}

const load = (kind: string): Tokenizer =>
  loadTokenizer({ tokenizerJson: readJson(`${kind}.json`) as Record<string, unknown>, tokenizerConfig: {} });

for (const kind of kinds) {
  test(`a ${kind} tokenizer gives Hugging Face's ids for ${numStrings} strings`, () => {
    checkDigests(load(kind), kind);
  });
}

test('a SentencePiece model of pieces and scores, as in a GGUF, gives the ids of its conversion by Transformers', () => {
  const { model, added_tokens: added } = readJson('sentence-piece.json') as {
    model: { vocab: Record<string, number> };
    added_tokens: { id: number; content: string }[];
  };
  const tokens = Object.entries(model.vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
  const controls = new Set(added.map(({ id }) => id));
  const metadata = {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': tokens.map((_, id) => -id),
    'tokenizer.ggml.token_type': tokens.map((token, id) =>
      controls.has(id) ? 3 : /^<0x..>$/.test(token) ? 6 : 1,
    ),
    'tokenizer.ggml.unknown_token_id': tokens.indexOf('<unk>'),
    'tokenizer.ggml.bos_token_id': tokens.indexOf('<s>'),
  };
  const tokenizer = loadTokenizer(ggufTokenizer(metadata, assert.fail));
  checkDigests(tokenizer, 'sentence-piece-scores');
  assert.equal(
    tokenizer.encode('a', { addSpecialTokens: true, allowSpecial: false })[0],
    tokens.indexOf('<s>'),
  );
});

test(`the default model's tokenizer, from its GGUF, gives Hugging Face's ids for ${numStrings} strings`, async (context) => {
  const path = realCheckpoint();
  if (!existsSync(path)) return context.skip(`the model is not here; "npm run pull" fetches it`);
  const checkpoint = await openCheckpoint(path);
  checkDigests(loadTokenizer(checkpoint.tokenizer), 'real-smollm2');
  await checkpoint.close();
});

for (const kind of ['smollm', 'sentence-piece']) {
  test(`${kind}: a streamed text equals the text decoded at once, whatever the tokens`, () => {
    const tokenizer = load(kind);
    fc.assert(
      fc.property(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 30 }), (ids) => {
        const decoder = createStreamDecoder(tokenizer);
        const streamed = ids.map((id) => decoder.push(id)).join('') + decoder.flush();
        const bytes = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
        assert.equal(streamed, new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
      }),
    );
  });
}

test('byte-level tokens give back every text', () => {
  const tokenizer = load('smollm');
  for (const [index, text] of strings.entries()) {
    const ids = tokenizer.encode(text, { addSpecialTokens: false, allowSpecial: false });
    const bytes = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
    assert.equal(bytes.toString('utf8'), text.toWellFormed(), `string ${index}`);
  }
});
