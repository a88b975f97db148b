import type { Remembered } from '../../core/feedback/record.ts';
import type { Words } from './names.ts';

export type MemoryEntry = Remembered;

/** What an encoder made of a question. Vectors of different encoders cannot be compared. */
export interface Encoded {
  /** Of unit length. */
  readonly vector: Float32Array;
  /** Of what it leans on; null where that is nothing. */
  readonly contextVector: Float32Array | null;
  /** Which encoder it was, by name and digest. */
  readonly encoder: string;
}

/** The same as it is stored: fp32, in base64. Of what was stored before it was told, all but the vector is absent. */
export interface StoredEncoding {
  readonly vector: string;
  readonly contextVector?: string | null;
  readonly encoder?: string | null;
}

export interface StoredEntry extends Omit<MemoryEntry, 'context'>, StoredEncoding {
  readonly context?: string | null;
}

/** A text as it is compared with others. */
export interface Compared extends Words {
  /** Of unit length. */
  readonly vector: Float32Array;
}

/** As it is searched: by its question, and by what that leans on. */
export interface IndexedEntry extends MemoryEntry, Compared {
  readonly before: Compared | null;
  /** Null: unknown. */
  readonly encoder: string | null;
}
