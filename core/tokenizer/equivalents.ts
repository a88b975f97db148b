/**
 * Parts of a tokenizer.json that @huggingface/tokenizers reads unlike Hugging Face's own library, said in parts that
 * both read alike. Found by comparing the two on 10,000 strings; test/parity/tokenizing.test.ts keeps them equal.
 */

import { byteOfCharacter } from './byte-level.ts';

type Part = Readonly<Record<string, unknown>>;

/** GPT-2's cuts (Radford et al. 2019, encoder.py). JavaScript's own \s takes U+FEFF for a space and U+0085 for none. */
const byteLevelCuts = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** BERT's CJK blocks beyond the first plane, where a character takes two units of a JavaScript string. */
const farHan =
  '[\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B73F}\\u{2B740}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}]';

const isolated = (regex: string): Part => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});

/** Digits are all numeric characters, such as Ⅷ and ⑤, not only decimal ones. */
const digits = (part: Part): readonly Part[] => [
  isolated(part.individual_digits === true ? '\\p{N}' : '\\p{N}+'),
];

function byteLevel(part: Part): readonly Part[] {
  if (part.use_regex === false || part.add_prefix_space === true) return [part];
  return [isolated(byteLevelCuts), { ...part, use_regex: false }];
}

const bert = (part: Part): readonly Part[] =>
  part.handle_chinese_chars === false
    ? [part]
    : [{ type: 'Replace', pattern: { Regex: farHan }, content: ' $& ' }, part];

const rewrites: Readonly<Record<string, (part: Part) => readonly Part[]>> = {
  Digits: digits,
  ByteLevel: byteLevel,
  BertNormalizer: bert,
};

/** Bytes that the vocabulary lacks vanish before the merges, so that what stood around them can merge. */
function withoutMissingBytes(tokenizerJson: Record<string, unknown>, preTokenizer: unknown): unknown {
  const model = tokenizerJson.model as { type?: unknown; unk_token?: unknown; vocab?: object } | undefined;
  const isByteLevel = JSON.stringify(preTokenizer ?? null).includes('"ByteLevel"');
  if (!isByteLevel || (model?.unk_token ?? null) !== null || model?.vocab === undefined) return preTokenizer;
  const { vocab } = model;
  const missing = [...byteOfCharacter.keys()].filter((character) => !Object.hasOwn(vocab, character));
  if (missing.length === 0) return preTokenizer;
  const codes = missing.map((character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  const drop = { type: 'Replace', pattern: { Regex: `[${codes.join('')}]` }, content: '' };
  const parts = (preTokenizer as Part).pretokenizers;
  return { type: 'Sequence', pretokenizers: [...(Array.isArray(parts) ? parts : [preTokenizer]), drop] };
}

function rewritten(part: unknown, members: 'normalizers' | 'pretokenizers'): unknown {
  if (part === null || typeof part !== 'object') return part;
  const known = part as Part;
  const parts = Array.isArray(known[members]) ? (known[members] as Part[]) : [known];
  const replaced = parts.flatMap((each) => rewrites[String(each.type)]?.(each) ?? [each]);
  return replaced.length === 1 ? replaced[0] : { type: 'Sequence', [members]: replaced };
}

export function withEquivalents(tokenizerJson: Record<string, unknown>): Record<string, unknown> {
  return {
    ...tokenizerJson,
    normalizer: rewritten(tokenizerJson.normalizer, 'normalizers'),
    pre_tokenizer: withoutMissingBytes(
      tokenizerJson,
      rewritten(tokenizerJson.pre_tokenizer, 'pretokenizers'),
    ),
  };
}
