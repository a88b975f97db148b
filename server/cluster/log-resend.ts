/**
 * Sends all of a log once more, beside what is new, for a replica that was away for longer than the stream reaches back. The
 * others drop what they have. It goes on after a start, and slowly enough that readers keep up.
 */
import { rm } from 'node:fs/promises';
import { readIfThere } from '../../core/read-if-there.ts';
import { LogSender, type LogSenderOptions } from './log-sender.ts';
import { placeAtStart, writeSenderPlace } from './sender-place.ts';

export interface LogResendOptions extends Omit<LogSenderOptions, 'pauseMs' | 'onEnd'> {
  /** Between the beginnings of two; whoever asks in between is heard then. */
  readonly minIntervalMs: number;
}

/** With batches of 64, some 1,280 lines a second at most. */
const pauseMs = 50;

export class LogResend {
  numResends = 0;
  private readonly options: LogResendOptions;
  private sender: Promise<LogSender> | null = null;
  private isAsked = false;
  private isClosed = false;
  private beganMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private ending: Promise<void> = Promise.resolve();

  private constructor(options: LogResendOptions) {
    this.options = options;
  }

  /** Goes on with one that was under way. */
  static async open(options: LogResendOptions): Promise<LogResend> {
    const resend = new LogResend(options);
    if ((await readIfThere(options.cursor)) !== null) resend.begin();
    return resend;
  }

  /** What was asked for is durable when it returns, unless another one is under way or has only just been. */
  async ask(): Promise<void> {
    if (this.isClosed) return;
    const waitMs = this.beganMs + this.options.minIntervalMs - performance.now();
    if (this.sender === null && waitMs <= 0) {
      await writeSenderPlace(this.options.cursor, placeAtStart);
      this.begin();
    } else {
      this.isAsked = true;
      if (this.sender === null) this.askLater(waitMs);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await (await this.sender)?.close();
    await this.ending;
  }

  private begin(): void {
    if (this.sender !== null) return;
    this.beganMs = performance.now();
    this.numResends++;
    const onEnd = (): void => {
      this.ending = this.end().catch((error: unknown) => this.options.onProblem(String(error)));
    };
    this.sender = LogSender.open({ ...this.options, pauseMs, onEnd });
  }

  private async end(): Promise<void> {
    const sender = await this.sender;
    if (sender === null || this.isClosed) return;
    this.sender = null;
    // It waits for the piece of work that calls this: that ends at once.
    await sender.close();
    await rm(this.options.cursor, { force: true });
    if (this.isAsked)
      this.askLater(Math.max(0, this.beganMs + this.options.minIntervalMs - performance.now()));
  }

  private askLater(waitMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.isAsked = false;
      this.ask().catch((error: unknown) => this.options.onProblem(String(error)));
    }, waitMs).unref();
  }
}
