/** One thing that was corrected: a question, and what is to be said. */
export interface MemoryEntry {
  readonly id: string;
  readonly tenant: string;
  /** The API key's name. */
  readonly account: string;
  readonly model: string;
  readonly question: string;
  readonly answer: string;
  /** The feedback that it came from; null where an operator wrote it. */
  readonly source: string | null;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** From then on it counts no more. */
  readonly expiresMs: number;
}

/** What an encoder made of a question. Vectors of different encoders cannot be compared. */
export interface Encoded {
  /** Of unit length. */
  readonly vector: Float32Array;
  /** Which encoder it was, by name and digest. */
  readonly encoder: string;
}

/** The same as it is stored: fp32, in base64. */
export interface StoredEncoding {
  readonly vector: string;
  /** Absent where it was stored before encoders were told apart. */
  readonly encoder?: string | null;
}

export interface StoredEntry extends MemoryEntry, StoredEncoding {}

/** As it is searched. */
export interface IndexedEntry extends MemoryEntry {
  /** Of unit length. */
  readonly vector: Float32Array;
  /** Null: unknown. */
  readonly encoder: string | null;
  readonly names: ReadonlySet<string>;
  /** All words of the question, the names among them. */
  readonly words: ReadonlySet<string>;
}
