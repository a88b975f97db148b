/** Token buckets per key, in memory: requests and tokens per minute, refilled continuously. */
import type { Clock } from '../../core/clock.ts';

export interface Budget {
  readonly limit: number;
  readonly remaining: number;
  /** Until it is full again. */
  readonly resetMs: number;
}

/** Until `amount` more is there. */
export const refillMs = (amount: number, perMinute: number): number =>
  Math.ceil((amount * 60_000) / perMinute);

export const budgetOf = (level: number, perMinute: number): Budget => ({
  limit: perMinute,
  remaining: Math.max(0, Math.floor(level)),
  resetMs: refillMs(perMinute - level, perMinute),
});

export class TokenBucket {
  private readonly perMinute: number;
  private readonly clock: Clock;
  private level: number;
  private updatedMs: number;

  constructor(perMinute: number, clock: Clock) {
    this.perMinute = perMinute;
    this.clock = clock;
    this.level = perMinute;
    this.updatedMs = clock.nowMs();
  }

  /** Takes `amount` if the bucket holds it; otherwise says how long until it does. */
  take(amount: number): { readonly taken: boolean; readonly retryAfterMs: number } {
    this.refill();
    const wanted = Math.min(amount, this.perMinute);
    if (this.level >= wanted) {
      this.level -= amount;
      return { taken: true, retryAfterMs: 0 };
    }
    return { taken: false, retryAfterMs: refillMs(wanted - this.level, this.perMinute) };
  }

  /** Gives back what was reserved and not used, or takes what was used beyond it. */
  settle(amount: number): void {
    this.refill();
    this.level = Math.min(this.perMinute, this.level + amount);
  }

  budget(): Budget {
    this.refill();
    return budgetOf(this.level, this.perMinute);
  }

  private refill(): void {
    const nowMs = this.clock.nowMs();
    this.level = Math.min(this.perMinute, this.level + ((nowMs - this.updatedMs) * this.perMinute) / 60_000);
    this.updatedMs = nowMs;
  }
}
