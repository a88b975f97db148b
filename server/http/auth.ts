/** API keys: who asks, what they may do, and how much of it. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { type Budget, TokenBucket } from '../admission/rate-limit.ts';

/** `versions` may choose the version that answers, and answer without memory. */
export type Scope = 'inference' | 'versions' | 'admin';

export interface ApiKey {
  readonly name: string;
  /** The name where none is given. */
  readonly tenant?: string;
  /** Lower-case hex of the key's SHA-256. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** 0 is no limit. */
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  readonly maxConcurrent: number;
}

/** A caller with what is left of their limits. */
export class Account {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  private readonly requests: TokenBucket | null;
  private readonly tokens: TokenBucket | null;
  private readonly maxConcurrent: number;
  private concurrent = 0;

  constructor(key: Omit<ApiKey, 'sha256'>, clock: Clock) {
    this.name = key.name;
    this.tenant = key.tenant ?? key.name;
    this.scopes = key.scopes;
    this.requests = key.requestsPerMinute > 0 ? new TokenBucket(key.requestsPerMinute, clock) : null;
    this.tokens = key.tokensPerMinute > 0 ? new TokenBucket(key.tokensPerMinute, clock) : null;
    this.maxConcurrent = key.maxConcurrent;
  }

  /** Throws forbidden. */
  require(scope: Scope): void {
    if (!this.scopes.includes(scope)) throw new MillraceError('forbidden', { scope });
  }

  /**
   * Reserves one request of `tokens`, prompt and longest answer. Throws rate_limited.
   * Call the result once with the tokens really used.
   */
  reserve(tokens: number): (usedTokens: number) => void {
    if (this.maxConcurrent > 0 && this.concurrent >= this.maxConcurrent) refuse('requests at once', 1000);
    const byRequest = this.requests?.take(1);
    if (byRequest?.taken === false) refuse('requests per minute', byRequest.retryAfterMs);
    const byTokens = this.tokens?.take(tokens);
    if (byTokens?.taken === false) {
      this.requests?.settle(1);
      refuse('tokens per minute', byTokens.retryAfterMs);
    }
    this.concurrent++;
    return (usedTokens) => {
      this.concurrent--;
      this.tokens?.settle(tokens - usedTokens);
    };
  }

  budgets(): { readonly requests: Budget | null; readonly tokens: Budget | null } {
    return { requests: this.requests?.budget() ?? null, tokens: this.tokens?.budget() ?? null };
  }
}

function refuse(limit: string, retryAfterMs: number): never {
  throw new MillraceError('rate_limited', { limit, retryAfterMs });
}

export class Accounts {
  private readonly known: { readonly hash: Buffer; readonly account: Account }[];
  /** Without any key configured, everybody is this one. */
  private readonly open: Account;

  constructor(keys: readonly ApiKey[], clock: Clock) {
    this.known = keys.map((key) => ({
      hash: Buffer.from(key.sha256, 'hex'),
      account: new Account(key, clock),
    }));
    const unlimited = { requestsPerMinute: 0, tokensPerMinute: 0, maxConcurrent: 0 };
    this.open = new Account(
      { name: 'anonymous', scopes: ['inference', 'versions', 'admin'], ...unlimited },
      clock,
    );
  }

  /** Throws unauthorized or forbidden. Compares hashes, all of them, in constant time. */
  authorize(header: string | undefined, scope: Scope): Account {
    if (this.known.length === 0) return this.open;
    const digest = hash('sha256', /^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? '', 'buffer');
    let found: Account | null = null;
    for (const { hash: known, account } of this.known) if (timingSafeEqual(digest, known)) found = account;
    if (found === null) throw new MillraceError('unauthorized');
    found.require(scope);
    return found;
  }
}
