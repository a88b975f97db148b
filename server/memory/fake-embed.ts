/** An encoder without a model: texts are alike as far as they share words. Deterministic, for tests. */
import { createHash } from 'node:crypto';
import type { Embed } from './memory.ts';

const dimensions = 512;

/** A bag of hashed words as a vector of unit length. */
export function bagOfWords(text: string): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    vector[createHash('sha256').update(word).digest().readUInt16LE(0) % dimensions]! += 1;
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

export const fakeName = 'bag-of-words';

export interface FakeEncoder {
  readonly embed: Embed;
  /** Texts that were given to it. */
  readonly texts: string[];
  /** What it throws instead of an answer. */
  failure: Error | null;
  /** Before it answers; it does not heed the signal. */
  delayMs: number;
}

export function fakeEncoder(): FakeEncoder {
  const encoder: FakeEncoder = {
    texts: [],
    failure: null,
    delayMs: 0,
    async embed(texts) {
      encoder.texts.push(...texts);
      if (encoder.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, encoder.delayMs));
      if (encoder.failure !== null) throw encoder.failure;
      return texts.map(bagOfWords);
    },
  };
  return encoder;
}
