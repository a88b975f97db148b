/** A Tokenizer from its files, on @huggingface/tokenizers. */
import { Tokenizer as Engine } from '@huggingface/tokenizers';
import { MillraceError } from '../errors.ts';
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

  constructor({ tokenizerJson, tokenizerConfig }: TokenizerFiles) {
    this.full = new Engine(tokenizerJson, tokenizerConfig);
    this.plain = new Engine({ ...tokenizerJson, added_tokens: [] }, tokenizerConfig);
    const tokens: string[] = [];
    for (const [token, id] of this.full.get_vocab(true)) tokens[id] = token;
    this.tokens = tokens;
    this.vocabSize = tokens.length;
    const added = [...this.full.get_added_tokens_decoder()];
    this.specials = new Set(added.filter(([, token]) => token.special).map(([id]) => id));
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

/** GPT-2's printable stand-ins for bytes, inverted (Radford et al. 2019, encoder.py). */
const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCodePoint(isPrintable ? byte : next++), byte);
  }
  return map;
})();

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
