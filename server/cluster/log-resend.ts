/**
 * Sends all of a log once more, beside what is new, for a replica that was away for longer than the stream reaches back, and
 * with it what came from that replica, which may have lost its folder. The others drop what they have. It goes on after a
 * start, and slowly enough that readers keep up.
 */
import { rm } from 'node:fs/promises';
import { readIfThere } from '../../core/read-if-there.ts';
import { replaceFile } from '../../core/replace-file.ts';
import { LogSender, type LogSenderOptions } from './log-sender.ts';
import { placeAtStart, writeSenderPlace } from './sender-place.ts';

export interface LogResendOptions extends Omit<LogSenderOptions, 'others' | 'pauseMs' | 'onEnd'> {
  /** File that holds who has asked. */
  readonly askers: string;
  /** Between the beginnings of two; whoever asks in between is heard then. */
  readonly minIntervalMs: number;
}

/** With batches of 64, some 1,280 lines a second at most. */
const pauseMs = 50;
/** Names that are remembered until the next one begins; more have to ask again. */
const maxAskers = 64;

export class LogResend {
  numResends = 0;
  private readonly options: LogResendOptions;
  private sender: Promise<LogSender> | null = null;
  /** Who has asked since the last one began. */
  private readonly asking = new Set<string>();
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
    if ((await readIfThere(options.cursor)) !== null) resend.begin(await readAskers(options.askers));
    return resend;
  }

  /** `by` is a replica. What was asked for is durable when it returns, unless another one is under way or has only just been. */
  async ask(by: string): Promise<void> {
    if (this.asking.size < maxAskers) this.asking.add(by);
    await this.beginIfDue();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await (await this.sender)?.close();
    await this.ending;
  }

  private async beginIfDue(): Promise<void> {
    if (this.isClosed || this.sender !== null) return;
    const waitMs = this.beganMs + this.options.minIntervalMs - performance.now();
    if (waitMs > 0) return this.beginLater(waitMs);
    const askers = [...this.asking];
    await replaceFile(this.options.askers, JSON.stringify(askers));
    await writeSenderPlace(this.options.cursor, placeAtStart);
    for (const each of askers) this.asking.delete(each);
    this.begin(askers);
  }

  private begin(askers: readonly string[]): void {
    if (this.sender !== null) return;
    this.beganMs = performance.now();
    this.numResends++;
    const onEnd = (): void => {
      this.ending = this.end().catch((error: unknown) => this.options.onProblem(String(error)));
    };
    this.sender = LogSender.open({ ...this.options, others: new Set(askers), pauseMs, onEnd });
  }

  private async end(): Promise<void> {
    const sender = await this.sender;
    if (sender === null || this.isClosed) return;
    this.sender = null;
    // It waits for the piece of work that calls this: that ends at once.
    await sender.close();
    await rm(this.options.cursor, { force: true });
    if (this.asking.size > 0) await this.beginIfDue();
  }

  private beginLater(waitMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.beginIfDue().catch((error: unknown) => this.options.onProblem(String(error)));
    }, waitMs).unref();
  }
}

/** None where the file is not what was written. */
async function readAskers(path: string): Promise<readonly string[]> {
  const text = await readIfThere(path);
  try {
    const askers: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(askers) ? askers.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}
