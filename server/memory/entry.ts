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
