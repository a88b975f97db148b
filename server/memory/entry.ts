import type { Remembered } from '../../core/feedback/record.ts';

export type MemoryEntry = Remembered;

/** As it is stored: the question's vector, fp32, in base64. */
export interface StoredEntry extends MemoryEntry {
  readonly vector: string;
}

/** As it is searched. */
export interface IndexedEntry extends MemoryEntry {
  /** Of unit length. */
  readonly vector: Float32Array;
  readonly names: ReadonlySet<string>;
  /** All words of the question, the names among them. */
  readonly words: ReadonlySet<string>;
}
