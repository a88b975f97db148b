/**
 * Token stream to text. Bytes of a character that is not complete yet wait; the joined text equals decode(). Of its own
 * making, since a TextDecoder that streams holds a converter outside the heap, one for each answer.
 */
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';

/** Between two calls it remembers nothing. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const noBytes = new Uint8Array(0);

export function createStreamDecoder(tokenizer: Tokenizer): StreamDecoder {
  return new Utf8Stream(tokenizer);
}

class Utf8Stream implements StreamDecoder {
  private readonly tokenizer: Tokenizer;
  private waiting = noBytes;

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  push(id: number): string {
    const bytes = joined(this.waiting, this.tokenizer.tokenBytes(id));
    const end = certainLength(bytes);
    this.waiting = end === bytes.length ? noBytes : bytes.slice(end);
    return utf8.decode(bytes.subarray(0, end));
  }

  flush(): string {
    const { waiting } = this;
    this.waiting = noBytes;
    return utf8.decode(waiting);
  }
}

/** Without the first bytes of a character that may go on. To cut in front of a first byte changes no text. */
function certainLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const length = characterLength(bytes[bytes.length - back]!);
    if (length > 0) return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Bytes of the character that begins with this one; 0 where none does. */
function characterLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
