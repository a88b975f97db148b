/** A Tokenizer from its files, on @huggingface/tokenizers. */
import { Tokenizer as Engine } from '@huggingface/tokenizers';
import { MillraceError } from '../errors.ts';
import { byteOfCharacter } from './byte-level.ts';
import { withEquivalents } from './equivalents.ts';
import type { Tokenizer, TokenizerFiles } from './tokenizer.ts';

/** Throws tokenizer_unsupported when the files describe something the library does not know. */
export function loadTokenizer(files: TokenizerFiles): Tokenizer {
  return supported(() => new LoadedTokenizer(files));
}

/** The library takes its files at their word; what it throws later at a text is their fault, too. */
function supported<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError('tokenizer_unsupported', { reason }, { cause });
  }
}

/** No vocabulary is larger: that of the ids is as long as the largest of them. */
const maxVocabSize = 2 ** 22;

const isTokenId = (id: unknown): boolean =>
  Number.isInteger(id) && Number(id) >= 0 && Number(id) < maxVocabSize;

/** Before the library makes lists as long as the largest id. Throws an Error that names the token. */
function checkIds(json: TokenizerFiles['tokenizerJson']): void {
  const { model, added_tokens: added } = json as {
    readonly model?: { readonly vocab?: unknown } | null;
    readonly added_tokens?: unknown;
  };
  const vocab = model?.vocab ?? {};
  const listed: unknown[] = Array.isArray(added) ? added : [];
  const given = [
    // A list is of tokens with scores, whose ids are their places.
    ...(Array.isArray(vocab) ? [] : Object.entries(vocab)),
    ...listed.map((each) => {
      const { content, id } = (each ?? {}) as { readonly content?: unknown; readonly id?: unknown };
      return [String(content), id] as const;
    }),
  ];
  const wrong = given.find(([, id]) => !isTokenId(id));
  if (wrong === undefined) return;
  const [token, id] = wrong;
  throw new Error(`its token ${JSON.stringify(token.slice(0, 40))} has the id ${String(id).slice(0, 40)}`);
}

function unknownIdOf(json: TokenizerFiles['tokenizerJson']): number | null {
  const { model } = json as {
    readonly model?: { readonly unk_token?: unknown; readonly vocab?: unknown } | null;
  };
  const { unk_token: token, vocab } = model ?? {};
  if (typeof token !== 'string' || typeof vocab !== 'object' || vocab === null || Array.isArray(vocab))
    return null;
  return Object.hasOwn(vocab, token) ? (vocab as Readonly<Record<string, number>>)[token]! : null;
}

class LoadedTokenizer implements Tokenizer {
  readonly vocabSize: number;
  private readonly full: Engine;
  /** Without added tokens: in a user's text they are only text. */
  private readonly plain: Engine;
  private readonly tokens: readonly string[];
  private readonly specials: ReadonlySet<number>;
  private readonly usesByteLevel: boolean;
  private readonly specialPattern: RegExp;
  /** What stands for what is in no vocabulary; null without such a token. */
  private readonly unknownId: number | null;

  constructor({ tokenizerJson, tokenizerConfig }: TokenizerFiles) {
    checkIds(tokenizerJson);
    this.unknownId = unknownIdOf(tokenizerJson);
    const fields = withEquivalents(tokenizerJson);
    this.full = new Engine(fields, tokenizerConfig);
    this.plain = new Engine({ ...fields, added_tokens: [] }, tokenizerConfig);
    const tokens: string[] = [];
    for (const [token, id] of this.full.get_vocab(true)) tokens[id] = token;
    this.tokens = tokens;
    this.vocabSize = tokens.length;
    const added = [...this.full.get_added_tokens_decoder()];
    const specials = added.filter(([, token]) => token.special);
    this.specialPattern = anyOf(specials.map(([, token]) => token.content));
    this.specials = new Set(specials.map(([id]) => id));
    this.usesByteLevel = JSON.stringify(tokenizerJson.decoder ?? null).includes('"ByteLevel"');
  }

  encode(text: string, options: { addSpecialTokens: boolean; allowSpecial: boolean }): number[] {
    const engine = options.allowSpecial ? this.full : this.plain;
    // The model sees UTF-8, which has no lone surrogates.
    const { ids } = supported(() =>
      engine.encode(text.toWellFormed(), { add_special_tokens: options.addSpecialTokens }),
    );
    if (ids.every(isTokenId)) return ids;
    const { unknownId } = this;
    // The library leaves out the unknown token where its id is 0.
    if (unknownId !== null) return ids.map((id: number) => (isTokenId(id) ? id : unknownId));
    throw new MillraceError('tokenizer_unsupported', { reason: 'it has no token for a part of the text' });
  }

  decode(ids: readonly number[], options: { skipSpecialTokens: boolean }): string {
    const kept = options.skipSpecialTokens ? ids.filter((id) => !this.specials.has(id)) : [...ids];
    if (this.usesByteLevel)
      return new TextDecoder().decode(concatenateBytes(kept.map((id) => this.rawBytes(id))));
    // The library refuses to decode nothing.
    if (kept.length === 0) return '';
    return supported(() =>
      this.full.decode([...kept], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
    );
  }

  tokenBytes(id: number): Uint8Array {
    return this.specials.has(id) ? new Uint8Array(0) : this.rawBytes(id);
  }

  isSpecial(id: number): boolean {
    return this.specials.has(id);
  }

  withoutSpecials(text: string): string {
    return text.replace(this.specialPattern, ' ');
  }

  private rawBytes(id: number): Uint8Array {
    const token = this.tokens[id] ?? '';
    if (this.specials.has(id)) return new TextEncoder().encode(token);
    if (this.usesByteLevel) return byteLevelBytes(token);
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
    return byte
      ? Uint8Array.of(Number.parseInt(byte[1]!, 16))
      : new TextEncoder().encode(token.replaceAll('▁', ' '));
  }
}

/** Matches any of the texts, the longest that fits; nothing if there is none. */
function anyOf(texts: readonly string[]): RegExp {
  const escaped = texts
    .filter((text) => text !== '')
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return escaped.length === 0 ? /(?!)/ : new RegExp(escaped.join('|'), 'g');
}

function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...new TextEncoder().encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function concatenateBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
