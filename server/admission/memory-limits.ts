/** Limits of keys, counted by this process for itself. */
import type { Clock } from '../../core/clock.ts';
import type { Budgets, Limits, Rates, Taking } from './limits.ts';
import { TokenBucket } from './rate-limit.ts';

interface Buckets {
  readonly requests: TokenBucket | null;
  readonly tokens: TokenBucket | null;
}

/** One pair of buckets for each key that is configured. */
export class MemoryLimits implements Limits {
  private readonly clock: Clock;
  private readonly byKey = new Map<string, Buckets>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async take(rates: Rates, tokens: number): Promise<Taking> {
    const buckets = this.bucketsOf(rates);
    const byRequest = buckets.requests?.take(1);
    if (byRequest?.taken === false)
      return { taken: false, limit: 'requests', retryAfterMs: byRequest.retryAfterMs };
    const byTokens = buckets.tokens?.take(tokens);
    if (byTokens?.taken === false) {
      buckets.requests?.settle(1);
      return { taken: false, limit: 'tokens', retryAfterMs: byTokens.retryAfterMs };
    }
    return {
      taken: true,
      budgets: budgetsOf(buckets),
      settle: async (unusedTokens) => buckets.tokens?.settle(unusedTokens),
    };
  }

  private bucketsOf({ key, requestsPerMinute, tokensPerMinute }: Rates): Buckets {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const bucketOf = (perMinute: number) => (perMinute > 0 ? new TokenBucket(perMinute, this.clock) : null);
    const buckets = { requests: bucketOf(requestsPerMinute), tokens: bucketOf(tokensPerMinute) };
    this.byKey.set(key, buckets);
    return buckets;
  }
}

const budgetsOf = ({ requests, tokens }: Buckets): Budgets => ({
  requests: requests?.budget() ?? null,
  tokens: tokens?.budget() ?? null,
});
