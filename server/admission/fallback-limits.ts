/** What becomes of shared limits while what the replicas share cannot be reached. */
import { MillraceError } from '../../core/errors.ts';
import { type Limits, noBudgets, type Rates, type Taking } from './limits.ts';

/** Counted by this process alone, not counted, or nobody let in. */
export const fallbacks = ['local', 'open', 'closed'] as const;
export type Fallback = (typeof fallbacks)[number];

export class FallbackLimits implements Limits {
  private readonly shared: Limits;
  private readonly local: Limits;
  private readonly fallback: Fallback;

  constructor(shared: Limits, local: Limits, fallback: Fallback) {
    this.shared = shared;
    this.local = local;
    this.fallback = fallback;
  }

  async take(rates: Rates, tokens: number): Promise<Taking> {
    try {
      return await this.shared.take(rates, tokens);
    } catch (error) {
      const isUnreachable = error instanceof MillraceError && error.code === 'cluster_unavailable';
      if (!isUnreachable || this.fallback === 'closed') throw error;
      if (this.fallback === 'local') return this.local.take(rates, tokens);
      return { taken: true, budgets: noBudgets, settle: async () => {} };
    }
  }
}
