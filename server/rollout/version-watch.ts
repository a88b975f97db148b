/** Follows the log of versions: what the trainer publishes is served as soon as it is in the engine. */
import { readLog } from '../../core/feedback/log-reader.ts';
import { readPosition } from '../../core/feedback/read-position.ts';
import type { Position } from '../../core/feedback/segments.ts';
import type { VersionEvent } from '../../core/registry/learning-layout.ts';
import { replaceFile } from '../../core/replace-file.ts';

export interface WatchOptions {
  /** Folder of the log. */
  readonly log: string;
  /** File that holds the place in it. */
  readonly cursor: string;
  /** Is called again with the same event when it fails. */
  readonly onEvent: (event: VersionEvent) => Promise<void>;
  readonly onProblem: (message: string) => void;
  /** Whether a failure is of the surroundings, and says nothing of the event: it is tried again for as long as it takes. */
  readonly isPassing?: (error: unknown) => boolean;
  /** Until an event that has failed comes again for the first time; then twice as long each time. */
  readonly retryMs?: number;
}

const pollMs = 50;
const defaultRetryMs = 500;
const maxRetryMs = 5_000;
/** An event that fails this often of itself is given up. */
const maxAttempts = 6;

export class VersionWatch {
  private readonly options: WatchOptions;
  private position: Position;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private isClosed = false;
  /** Of the event whose turn it is: how often it has failed, and how often of itself. */
  private failures = 0;
  private attempts = 0;

  private constructor(options: WatchOptions, position: Position) {
    this.options = options;
    this.position = position;
  }

  static async open(options: WatchOptions): Promise<VersionWatch> {
    const onDamage = (): void =>
      options.onProblem('the place in the log of versions is unknown: it is read again');
    const watch = new VersionWatch(options, await readPosition(options.cursor, onDamage));
    watch.schedule(0);
    return watch;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  private schedule(delayMs: number): void {
    if (this.isClosed) return;
    this.timer = setTimeout(() => {
      this.running = this.advance().then(
        () => {
          this.failures = 0;
          this.schedule(pollMs);
        },
        (error: unknown) => {
          this.options.onProblem(`a version waits: ${error instanceof Error ? error.message : error}`);
          const { retryMs = defaultRetryMs } = this.options;
          this.schedule(Math.min(maxRetryMs, retryMs * 2 ** this.failures++));
        },
      );
    }, delayMs);
  }

  private async advance(): Promise<void> {
    const { log, cursor, onEvent, isPassing = () => false } = this.options;
    const read = await readLog(log, this.position, (json) => json as VersionEvent);
    for (const { record, position } of read.records) {
      try {
        await onEvent(record);
      } catch (error) {
        if (isPassing(error) || isOfSystem(error) || ++this.attempts < maxAttempts) throw error;
        this.options.onProblem(`a version was given up: ${error instanceof Error ? error.message : error}`);
      }
      this.attempts = 0;
      this.position = position;
      await replaceFile(cursor, JSON.stringify(position));
    }
  }
}

/** What is no fault of a version: the disk is full or away, or there is too little of something else for a while. */
const codesOfSystem = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);
const isOfSystem = (error: unknown): boolean =>
  codesOfSystem.has((error as NodeJS.ErrnoException | null)?.code ?? '');
