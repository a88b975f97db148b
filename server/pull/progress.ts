/** What a long piece of work tells whoever watches; the watcher decides how it looks. */

export interface Amount {
  readonly done: number;
  /** Null when unknown. */
  readonly total: number | null;
  /** "bytes", "tensors", "tokens". */
  readonly unit: string;
}

export interface Progress {
  /** A finished thought, one line. */
  note(text: string): void;
  /** How far the work called `label` is. */
  amount(label: string, amount: Amount): void;
}
