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
  | {
      readonly taken: true;
      readonly budgets: Budgets;
      /**
       * To be called once with the tokens that were taken and not used, which are given back; what was used beyond is
       * negative, and is taken. Never throws.
       */
      settle(unusedTokens: number): Promise<void>;
    }
  | { readonly taken: false; readonly limit: 'requests' | 'tokens'; readonly retryAfterMs: number };

export interface Limits {
  /**
   * One request and `tokens` of a key's, both or nothing. A request of more tokens than a minute's is let in when a whole
   * minute's are there, and those after it have to make up for it.
   * Throws cluster_unavailable where nobody can say whether there is room.
   */
  take(rates: Rates, tokens: number): Promise<Taking>;
}
