/** What a long piece of work tells whoever watches; the watcher decides how it looks. */

export interface Progress {
  /** A finished thought, one line. */
  note(text: string): void;
  /** How far the work called `label` is; `total` is null when unknown. */
  amount(label: string, done: number, total: number | null): void;
}

export const silentProgress: Progress = { note: () => {}, amount: () => {} };
