/** Observations on their way into the channel: gathered for a moment, sent again when that failed, and few of them at most. */
import { observationTexts } from './check-observations.ts';
import { maxBatch, type ObservationChannel, type Observed } from './observation-channel.ts';

export interface ObservationOutboxOptions {
  /** Of this process, and of no earlier one: ids begin with it. */
  readonly origin: string;
  /** That wait; the oldest go. */
  readonly max: number;
  /** Hears of how many were lost since it was last called: too many waited, or one was refused. Must not throw. */
  readonly onLost: (count: number) => void;
}

/** How long one waits for others, and how long after a failure. */
const gatherMs = 50;
const retryMs = 1_000;

export class ObservationOutbox<T> {
  private readonly channel: Pick<ObservationChannel<T>, 'append'>;
  private readonly options: ObservationOutboxOptions;
  private readonly waiting: Observed<T>[] = [];
  private numGiven = 0;
  private timer: NodeJS.Timeout | null = null;
  private sending: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(channel: Pick<ObservationChannel<T>, 'append'>, options: ObservationOutboxOptions) {
    this.channel = channel;
    this.options = options;
  }

  /** Is sent soon. Never throws. */
  add(observation: T): void {
    if (this.isClosed) return;
    this.numGiven += 1;
    const observed = { id: `${this.options.origin}-${this.numGiven}`, observation };
    if (!isFit(observed)) {
      this.options.onLost(1);
      return;
    }
    this.waiting.push(observed);
    if (this.waiting.length > this.options.max) {
      this.waiting.shift();
      this.options.onLost(1);
    }
    this.sendIn(gatherMs);
  }

  get numWaiting(): number {
    return this.waiting.length;
  }

  /** Tries once more to send what waits. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.sending;
    await this.sendAll().catch(() => this.options.onLost(this.waiting.length));
  }

  private sendIn(ms: number): void {
    if (this.timer !== null || this.isClosed) return;
    this.timer = setTimeout(() => {
      this.sending = this.sendAll().then(
        () => this.sent(gatherMs),
        () => this.sent(retryMs),
      );
    }, ms);
  }

  private sent(againMs: number): void {
    this.timer = null;
    if (this.waiting.length > 0) this.sendIn(againMs);
  }

  /** A batch stays in front until it is in the channel; that it may come twice there its ids tell. */
  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, maxBatch);
      await this.channel.append(batch);
      // Some may have gone meanwhile, from the front, to make room.
      const last = batch.at(-1)!;
      this.waiting.splice(0, this.waiting.indexOf(last) + 1);
    }
  }
}

/** One that the channel refuses would hold up all behind it. */
function isFit(observed: Observed<unknown>): boolean {
  try {
    observationTexts([observed]);
    return true;
  } catch {
    return false;
  }
}
