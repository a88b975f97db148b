/** Token stream to text. Bytes of a character that is not complete yet wait; the joined text equals decode(). */
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';

export function createStreamDecoder(tokenizer: Tokenizer): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push: (id) => decoder.decode(tokenizer.tokenBytes(id), { stream: true }),
    flush: () => decoder.decode(),
  };
}
