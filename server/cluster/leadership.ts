/**
 * Keeps asking for the lock, and keeps it. What is done under its token is done while `fence` gives one: that ends by this
 * process' own clock before the lock does, so that one that was stopped for a while does not think it leads.
 */
import type { LeaderLock } from './leader-lock.ts';

export interface LeadershipOptions {
  readonly lock: LeaderLock;
  /** Of the lock. */
  readonly ttlMs: number;
  /** Monotonic, from before a stop to after it. */
  readonly nowMs: () => number;
  /** Hears of a new token, and of the end of a term. Must not throw. */
  readonly onChange: (fence: number | null) => void;
}

/** Of the time to live: between two renewals, and until the next try where the lock could not be reached. */
const shares = { renewal: 1 / 3, retry: 1 / 10 };

export class Leadership {
  private readonly options: LeadershipOptions;
  private term: { readonly fence: number; readonly endsMs: number } | null = null;
  private timer: NodeJS.Timeout | undefined;
  private asking: Promise<void>;
  private isClosed = false;

  constructor(options: LeadershipOptions) {
    this.options = options;
    this.asking = this.ask();
  }

  /** The token of the term; null while this process does not lead. */
  fence(): number | null {
    if (this.term === null || this.options.nowMs() >= this.term.endsMs) return null;
    return this.term.fence;
  }

  /** Settles when the lock has been asked for once, with whatever result. */
  asked(): Promise<void> {
    return this.asking;
  }

  /** Gives the lock up, if it can be reached. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.asking;
    const { term } = this;
    this.end();
    if (term !== null) await this.options.lock.release(term.fence).catch(() => {});
  }

  private async ask(): Promise<void> {
    try {
      await this.renewOrAcquire();
      this.askIn(shares.renewal * this.options.ttlMs);
    } catch {
      // It cannot be reached: the term goes on to its own end.
      if (this.fence() === null) this.end();
      this.askIn(shares.retry * this.options.ttlMs);
    }
  }

  /** Not after the term's end, which is to be told when it comes. */
  private askIn(ms: number): void {
    if (this.isClosed) return;
    const leftMs = this.term === null ? ms : this.term.endsMs - this.options.nowMs();
    this.timer = setTimeout(
      () => {
        this.asking = this.ask();
      },
      Math.max(1, Math.min(ms, leftMs)),
    );
  }

  private async renewOrAcquire(): Promise<void> {
    const { lock, ttlMs, nowMs } = this.options;
    if (this.term !== null) {
      const { fence } = this.term;
      const endsMs = nowMs() + ttlMs;
      if (await lock.renew(fence)) {
        this.term = { fence, endsMs };
        return;
      }
      this.end();
    }
    const endsMs = nowMs() + ttlMs;
    const fence = await lock.acquire();
    if (fence === null) return;
    this.term = { fence, endsMs };
    this.options.onChange(fence);
  }

  private end(): void {
    if (this.term === null) return;
    this.term = null;
    this.options.onChange(null);
  }
}
