/** The tokenizer inside a GGUF, in the shape of Hugging Face's tokenizer.json. */
import type { TokenizerFiles } from '../tokenizer/tokenizer.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { sentencePiece } from './sentence-piece.ts';

type Refuse = (reason: string) => never;

/** GGUF's token types; all but normal and byte ones are matched whole. */
const tokenTypes = { unknown: 2, control: 3, userDefined: 4, byte: 6 } as const;

const digits = { type: 'Digits', individual_digits: true };
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (pattern: string) => [
  { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
  { ...byteLevel, use_regex: false },
];
const words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const rest = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** By tokenizer.ggml.pre: how text is cut before merges are applied. */
const preTokenizers: Readonly<Record<string, readonly object[]>> = {
  smollm: [digits, byteLevel],
  'gpt-2': [byteLevel],
  default: [byteLevel],
  'llama-bpe': split(`${words}|\\p{N}{1,3}|${rest}`),
  qwen2: split(`${words}|\\p{N}|${rest}`),
};

export function ggufTokenizer(metadata: GgufMetadata, refuse: Refuse): TokenizerFiles {
  const tokens = metadata['tokenizer.ggml.tokens'];
  if (!isStrings(tokens)) refuse('it holds no tokenizer.');
  const types = (metadata['tokenizer.ggml.token_type'] ?? []) as readonly number[];
  const model = metadata['tokenizer.ggml.model'];
  const added = tokens.flatMap((content, id) => {
    const type = types[id];
    const isSpecial = type === tokenTypes.control || type === tokenTypes.unknown;
    if (!isSpecial && type !== tokenTypes.userDefined) return [];
    return [
      {
        id,
        content,
        special: isSpecial,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ];
  });
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const merges = metadata['tokenizer.ggml.merges'];
  const base = { version: '1.0', truncation: null, padding: null, added_tokens: added };
  const tokenizerConfig = configOf(metadata, tokens);
  if (model === 'gpt2' && isStrings(merges)) {
    const pre = String(metadata['tokenizer.ggml.pre'] ?? 'default');
    const cuts = preTokenizers[pre] ?? refuse(`its pre-tokenizer "${pre}" is not supported.`);
    return {
      tokenizerConfig,
      tokenizerJson: { ...base, ...byteLevelBpe(vocab, merges, cuts, metadata, tokens) },
    };
  }
  if (model === 'llama') {
    const scores = metadata['tokenizer.ggml.scores'];
    if (!Array.isArray(scores) || scores.length !== tokens.length) refuse('its tokenizer has no scores.');
    const addsSpace = metadata['tokenizer.ggml.add_space_prefix'] !== false;
    return {
      tokenizerConfig,
      tokenizerJson: {
        ...base,
        ...sentencePiece({
          tokens,
          scores: scores as number[],
          unknown: tokenizerConfig.unk_token,
          addsSpace,
        }),
        post_processor: beginning({ 'tokenizer.ggml.add_bos_token': true, ...metadata }, tokens),
      },
    };
  }
  return refuse(`its tokenizer "${String(model)}" is not supported; use the Hugging Face checkpoint.`);
}

function byteLevelBpe(
  vocab: object,
  merges: readonly string[],
  cuts: readonly object[],
  metadata: GgufMetadata,
  tokens: readonly string[],
) {
  return {
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: cuts },
    post_processor: beginning(metadata, tokens),
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: metadata['tokenizer.ggml.pre'] === 'llama-bpe',
      vocab,
      merges,
    },
  };
}

/** A template that puts the beginning-of-text token in front, where the file asks for it. */
function beginning(metadata: GgufMetadata, tokens: readonly string[]): object | null {
  const id = metadata['tokenizer.ggml.bos_token_id'];
  if (metadata['tokenizer.ggml.add_bos_token'] !== true || typeof id !== 'number') return null;
  const token = tokens[id]!;
  const special = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [special, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [special, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function configOf(metadata: GgufMetadata, tokens: readonly string[]): Record<string, unknown> {
  const token = (name: string): string | null =>
    tokens[Number(metadata[`tokenizer.ggml.${name}_token_id`] ?? -1)] ?? null;
  const template = metadata['tokenizer.chat_template'];
  return {
    bos_token: token('bos'),
    eos_token: token('eos'),
    unk_token: token('unknown'),
    clean_up_tokenization_spaces: false,
    ...(typeof template === 'string' ? { chat_template: template } : {}),
  };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}
