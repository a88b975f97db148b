/** API keys: who asks, what they may do, and how much of it. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { Concurrency } from '../admission/concurrency.ts';
import { type Budgets, type Limits, noBudgets, type Taking } from '../admission/limits.ts';

/** `versions` may choose the version that answers, and answer without memory; `metrics` sees what all tenants do. */
export type Scope = 'inference' | 'versions' | 'metrics' | 'admin';

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

/** One request that was let in. */
export interface Reservation {
  /** As the request left them. */
  readonly budgets: Budgets;
  /** To be called once, with the tokens really used. */
  settle(usedTokens: number): void;
}

/** A caller within their limits. */
export class Account {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  private readonly key: Omit<ApiKey, 'sha256'>;
  private readonly limits: Limits;
  private readonly concurrency: Concurrency;

  constructor(key: Omit<ApiKey, 'sha256'>, limits: Limits, clock: Clock) {
    this.name = key.name;
    this.tenant = key.tenant ?? key.name;
    this.scopes = key.scopes;
    this.key = key;
    this.limits = limits;
    this.concurrency = new Concurrency(key.maxConcurrent, clock);
  }

  has(scope: Scope): boolean {
    return this.scopes.includes(scope);
  }

  /** Throws forbidden. */
  require(scope: Scope): void {
    if (!this.has(scope)) throw new MillraceError('forbidden', { scope });
  }

  /** Reserves one request of `tokens`, prompt and longest answer. Throws rate_limited, cluster_unavailable. */
  async reserve(tokens: number): Promise<Reservation> {
    const leave = this.concurrency.enter();
    try {
      const taking = await this.take(tokens);
      if (!taking.taken) refuse(`${taking.limit} per minute`, taking.retryAfterMs);
      return {
        budgets: taking.budgets,
        settle: (usedTokens) => {
          leave();
          void taking.settle(tokens - usedTokens);
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Throws rate_limited where as many of its requests run as may. Reserves nothing. */
  checkConcurrency(): void {
    this.concurrency.check();
  }

  /** Nobody is asked about a key without limits. */
  private async take(tokens: number): Promise<Taking> {
    const { name, requestsPerMinute, tokensPerMinute } = this.key;
    if (requestsPerMinute === 0 && tokensPerMinute === 0) return unlimited;
    return this.limits.take({ key: name, requestsPerMinute, tokensPerMinute }, tokens);
  }
}

const unlimited: Taking = { taken: true, budgets: noBudgets, settle: async () => {} };

function refuse(limit: string, retryAfterMs: number): never {
  throw new MillraceError('rate_limited', { limit, retryAfterMs });
}

export class Accounts {
  private readonly known: { readonly hash: Buffer; readonly account: Account }[];
  /** Without any key configured, everybody is this one. */
  private readonly open: Account;

  constructor(keys: readonly ApiKey[], limits: Limits, clock: Clock) {
    this.known = keys.map((key) => ({
      hash: Buffer.from(key.sha256, 'hex'),
      account: new Account(key, limits, clock),
    }));
    const noLimits = { requestsPerMinute: 0, tokensPerMinute: 0, maxConcurrent: 0 };
    this.open = new Account(
      { name: 'anonymous', scopes: ['inference', 'versions', 'metrics', 'admin'], ...noLimits },
      limits,
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
