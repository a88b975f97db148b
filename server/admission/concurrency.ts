/** Requests of one key at once. A refused one is told when one of those that run has ended, by how long they took of late. */
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { Promises } from './promises.ts';
import { Turnover } from './turnover.ts';

/** Until one was seen to end. */
const firstGuessMs = 1_000;
/** Times to come back are true also when requests take so much longer meanwhile. */
const margin = 1.3;

export class Concurrency {
  /** 0 is no limit. */
  private readonly max: number;
  private readonly clock: Clock;
  private readonly promises: Promises;
  private readonly turnover = new Turnover();
  private numRunning = 0;

  constructor(max: number, clock: Clock) {
    [this.max, this.clock] = [max, clock];
    this.promises = new Promises(clock);
  }

  /** Throws rate_limited. Call the result once, when the request has ended. */
  enter(): () => void {
    this.check();
    this.numRunning++;
    this.observe(0);
    return () => {
      this.numRunning--;
      this.observe(1);
    };
  }

  /** Throws as `enter` would, and lets nothing in. */
  check(): void {
    if (this.max === 0 || this.numRunning < this.max) return;
    const eachMs = margin * (this.turnover.perSequenceMs || firstGuessMs);
    const retryAfterMs = Math.ceil(this.promises.give('', eachMs, eachMs));
    throw new MillraceError('rate_limited', { limit: 'requests at once', retryAfterMs });
  }

  private observe(numEnded: number): void {
    const isWaitedFor = this.max > 0 && this.numRunning >= this.max;
    this.turnover.observe(this.clock.nowMs(), { isWaitedFor, numEnded });
  }
}
