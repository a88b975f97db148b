/** Token buckets per key, in memory: requests and tokens per minute, refilled continuously. */
import type { Clock } from '../../core/clock.ts';

export interface Budget {
  readonly limit: number;
  readonly remaining: number;
  /** Until it is full again. */
  readonly resetMs: number;
}

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
    return { taken: false, retryAfterMs: Math.ceil(((wanted - this.level) * 60_000) / this.perMinute) };
  }

  /** Gives back what was reserved and not used, or takes what was used beyond it. */
  settle(amount: number): void {
    this.refill();
    this.level = Math.min(this.perMinute, this.level + amount);
  }

  budget(): Budget {
    this.refill();
    const resetMs = Math.ceil(((this.perMinute - this.level) * 60_000) / this.perMinute);
    return { limit: this.perMinute, remaining: Math.max(0, Math.floor(this.level)), resetMs };
  }

  private refill(): void {
    const nowMs = this.clock.nowMs();
    this.level = Math.min(this.perMinute, this.level + ((nowMs - this.updatedMs) * this.perMinute) / 60_000);
    this.updatedMs = nowMs;
  }
}
