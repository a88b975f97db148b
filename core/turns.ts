/** Runs pieces of work one after another, in the order in which they came; one that fails does not stop the next. */
import { MillraceError } from './errors.ts';

export class Turns {
  private readonly maxWaiting: number;
  private readonly retryAfterMs: number;
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(maxWaiting = 1_024, retryAfterMs = 500) {
    this.maxWaiting = maxWaiting;
    this.retryAfterMs = retryAfterMs;
  }

  /** Settles as the work does. Throws queue_full when too many wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= this.maxWaiting) {
      throw new MillraceError('queue_full', { waiting: this.waiting, retryAfterMs: this.retryAfterMs });
    }
    this.waiting++;
    const result = this.last.then(work).finally(() => this.waiting--);
    this.last = result.catch(() => null);
    return result;
  }
}
