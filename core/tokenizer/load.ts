/** A Tokenizer from its files, on @huggingface/tokenizers. */
import { Tokenizer as Engine } from '@huggingface/tokenizers';
import { MillraceError } from '../errors.ts';
import { byteOfCharacter } from './byte-level.ts';
import { withEquivalents } from './equivalents.ts';
import type { Tokenizer, TokenizerFiles } from './tokenizer.ts';

/** Throws tokenizer_unsupported when the files describe something the library does not know. */
export function loadTokenizer(files: TokenizerFiles): Tokenizer {
  try {
    return new LoadedTokenizer(files);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError('tokenizer_unsupported', { reason }, { cause });
  }
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

  constructor({ tokenizerJson, tokenizerConfig }: TokenizerFiles) {
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
    return engine.encode(text.toWellFormed(), { add_special_tokens: options.addSpecialTokens }).ids;
  }

  decode(ids: readonly number[], options: { skipSpecialTokens: boolean }): string {
    const kept = options.skipSpecialTokens ? ids.filter((id) => !this.specials.has(id)) : [...ids];
    if (this.usesByteLevel)
      return new TextDecoder().decode(concatenateBytes(kept.map((id) => this.rawBytes(id))));
    return this.full.decode([...kept], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
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
