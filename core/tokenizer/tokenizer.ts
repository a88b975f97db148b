/** Text to token ids and back. The consumer's view: core/tokenizer/load.ts makes one. */

/** The files a tokenizer is made of, as Hugging Face writes them; a GGUF's metadata is turned into this shape. */
export interface TokenizerFiles {
  /** Contents of tokenizer.json. */
  readonly tokenizerJson: Record<string, unknown>;
  /** Contents of tokenizer_config.json: special tokens and `chat_template`. */
  readonly tokenizerConfig: Record<string, unknown>;
}

export interface Tokenizer {
  readonly vocabSize: number;
  /** Ids of `text`; special tokens in the text are recognised only if `allowSpecial`. */
  encode(text: string, options: { addSpecialTokens: boolean; allowSpecial: boolean }): number[];
  decode(ids: readonly number[], options: { skipSpecialTokens: boolean }): string;
  /** The bytes that this token adds to a text; empty for a special token. */
  tokenBytes(id: number): Uint8Array;
  isSpecial(id: number): boolean;
  /** The text with a space in place of whatever reads as a special token. */
  withoutSpecials(text: string): string;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}

export interface ChatTemplate {
  /** The prompt text, special tokens spelled out. Throws template_invalid with the template's own reason. */
  render(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): string;
}

/** Turns a token stream into text without ever splitting a character. */
export interface StreamDecoder {
  /** Text that became certain with this token; '' while a character is incomplete. */
  push(id: number): string;
  /** What remains at the end; incomplete bytes become U+FFFD. */
  flush(): string;
}
