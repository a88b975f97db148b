/** How much a caller may ask for per minute: counted where this process alone, or where all replicas see it. */
import type { Budget } from './rate-limit.ts';

/** What a key may use. 0 is no limit. */
export interface Rates {
  /** Name of the key. */
  readonly key: string;
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
}

/** Null where there is no limit, or nobody knows what is left. */
export interface Budgets {
  readonly requests: Budget | null;
  readonly tokens: Budget | null;
}

export const noBudgets: Budgets = { requests: null, tokens: null };

export type Taking =
  | { readonly taken: true; readonly budgets: Budgets }
  | { readonly taken: false; readonly limit: 'requests' | 'tokens'; readonly retryAfterMs: number };

export interface Limits {
  /**
   * One request and `tokens` of a key's, both or nothing. A request of more tokens than a minute's is let in when a whole
   * minute's are there, and has to be made up for by those after it.
   * Throws cluster_unavailable where nobody can say whether there is room.
   */
  take(rates: Rates, tokens: number): Promise<Taking>;
  /** Gives back what was taken and not used; what was used beyond it, a negative number, is taken. Never throws. */
  settle(rates: Rates, tokens: number): Promise<void>;
}
