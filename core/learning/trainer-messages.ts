/** What the server and a trainer that it has started say to each other. All that must last is on disk instead. */

export type ToTrainer =
  /** Whether requests wait longer than they should. */
  { readonly kind: 'load'; readonly isBusy: boolean } | { readonly kind: 'close' };

/** How often a trainer says that it is alive, while no step blocks its event loop. */
export const aliveMs = 1_000;

export type FromTrainer =
  | { readonly kind: 'alive' }
  | { readonly kind: 'ready' }
  /** Whether train steps are run now, and need their part of the CPU. */
  | { readonly kind: 'training'; readonly isTraining: boolean }
  | { readonly kind: 'log'; readonly message: string };
