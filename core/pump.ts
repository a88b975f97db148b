/**
 * Does one kind of work over and over while there is any: at once when it is woken, after a while by itself, and after a
 * failure later and later. Never two at a time.
 */
import { messageOf } from './message-of.ts';

export interface PumpOptions {
  /** Does a bounded piece of it; false when there was nothing to do. */
  readonly work: (signal: AbortSignal) => Promise<boolean>;
  /** Between looks where nobody wakes it. */
  readonly pollMs: number;
  /** From a failure to the next try; then twice as long each time. */
  readonly minRetryMs?: number;
  /** Hears of a failure that does not pass within a second, and once a minute that it still is one. */
  readonly onProblem: (message: string) => void;
}

const defaultMinRetryMs = 100;
const maxRetryMs = 5_000;
const tellAfterMs = 1_000;
const tellEveryMs = 60_000;

export class Pump {
  /** Failures since it last worked. */
  numFailures = 0;
  private readonly options: PumpOptions;
  private readonly closing = new AbortController();
  private running: Promise<void> | null = null;
  private isWanted = false;
  private timer: NodeJS.Timeout | null = null;
  private retryMs: number;
  /** When the work that failed first was begun. */
  private failingSinceMs: number | null = null;
  private toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: PumpOptions) {
    this.options = options;
    this.retryMs = this.minRetryMs;
    this.wake();
  }

  private get minRetryMs(): number {
    return this.options.minRetryMs ?? defaultMinRetryMs;
  }

  /** There may be work. After a failure it waits for the next try. */
  wake(): void {
    this.isWanted = true;
    if (this.closing.signal.aborted || this.running !== null) return;
    if (this.timer !== null && this.numFailures > 0) return;
    this.start();
  }

  /** Waits for the piece that is under way, which is told to end. */
  async close(): Promise<void> {
    this.closing.abort(new Error('it is closed'));
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  private start(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running = this.run().finally(() => {
      this.running = null;
      if (this.closing.signal.aborted) return;
      if (this.isWanted && this.numFailures === 0) this.start();
      else this.startIn(this.numFailures === 0 ? this.options.pollMs : this.backOff());
    });
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    const beganMs = performance.now();
    this.isWanted = false;
    try {
      while (!signal.aborted && (await this.options.work(signal))) this.recover();
      this.recover();
    } catch (error) {
      if (signal.aborted) return;
      this.numFailures++;
      this.failingSinceMs ??= beganMs;
      this.tell(error);
    }
  }

  private tell(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.failingSinceMs! < tellAfterMs || nowMs - this.toldMs < tellEveryMs) return;
    this.toldMs = nowMs;
    this.options.onProblem(messageOf(error));
  }

  private recover(): void {
    this.numFailures = 0;
    this.failingSinceMs = null;
    this.toldMs = Number.NEGATIVE_INFINITY;
    this.retryMs = this.minRetryMs;
  }

  private backOff(): number {
    const waitMs = this.retryMs;
    this.retryMs = Math.min(2 * waitMs, maxRetryMs);
    return waitMs;
  }

  private startIn(waitMs: number): void {
    this.timer = setTimeout(() => this.start(), waitMs);
  }
}
