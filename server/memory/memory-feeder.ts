/**
 * Carries the feedback log into memory, each row once in effect: where it is stands on disk, and a row that comes again
 * after a crash changes nothing. It also sees to it that what has expired goes.
 */
import { MillraceError } from '../../core/errors.ts';
import { readLog } from '../../core/feedback/log-reader.ts';
import { parseLogRecord } from '../../core/feedback/parse-record.ts';
import { isBeyondLog, readPosition } from '../../core/feedback/read-position.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { logStart, type Position } from '../../core/feedback/segments.ts';
import { replaceFile } from '../../core/replace-file.ts';
import type { Memory } from './memory.ts';

export interface FeederOptions {
  readonly memory: Memory;
  /** Folder of the feedback log. */
  readonly log: string;
  /** File that holds the position. */
  readonly cursor: string;
  readonly onProblem: (message: string) => void;
}

const minRetryMs = 250;
const maxRetryMs = 5_000;
/** Of a row that fails by itself; an encoder or a disk that is not there is waited for. */
const maxTries = 3;
const expireEveryMs = 3_600_000;

export class MemoryFeeder {
  private readonly options: FeederOptions;
  private position: Position;
  private saved: Position;
  private running: Promise<void> | null = null;
  private isWanted = false;
  private readonly closing = new AbortController();
  private retry: NodeJS.Timeout | null = null;
  private retryMs = minRetryMs;
  /** Failures of the row at the position. */
  private numTries = 0;
  private readonly expiry: NodeJS.Timeout;

  private constructor(options: FeederOptions, position: Position) {
    this.options = options;
    this.position = position;
    this.saved = position;
    this.expiry = setInterval(() => void this.expire(), expireEveryMs).unref();
  }

  static async open(options: FeederOptions): Promise<MemoryFeeder> {
    const feeder = new MemoryFeeder(options, await startOf(options));
    feeder.wake();
    return feeder;
  }

  /** There may be new rows. After a failure they wait for the next try. */
  wake(): void {
    this.isWanted = true;
    if (this.closing.signal.aborted || this.retry !== null) return;
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.isWanted) this.wake();
    });
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('it is closed'));
    clearInterval(this.expiry);
    if (this.retry !== null) clearTimeout(this.retry);
    await this.running;
  }

  private async run(): Promise<void> {
    this.isWanted = false;
    try {
      while (!this.closing.signal.aborted && (await this.advance()));
      this.retryMs = minRetryMs;
    } catch (error) {
      // The encoder is restarting, or the disk is full: the rows are in the log and come again.
      if (!this.closing.signal.aborted) this.retryLater(error);
    }
  }

  private retryLater(error: unknown): void {
    this.options.onProblem(`memory waits: ${messageOf(error)}`);
    this.retry = setTimeout(() => {
      this.retry = null;
      this.wake();
    }, this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, maxRetryMs);
  }

  /** Whether there was anything. */
  private async advance(): Promise<boolean> {
    const read = await readLog(this.options.log, this.position, parseLogRecord);
    try {
      for (const { record, position } of read.records) {
        this.closing.signal.throwIfAborted();
        await this.take(record);
        this.position = position;
        this.numTries = 0;
      }
    } finally {
      await this.save();
    }
    return read.records.length > 0;
  }

  private async take(record: LogRecord): Promise<void> {
    const { memory, onProblem } = this.options;
    if (record.type === 'undo') {
      const { tenant, what, rows = [] } = record;
      const of = what.kind === 'account' ? { rows, account: what.account } : { rows: [...rows, what.row] };
      await memory.forgetSource(tenant, of);
      return;
    }
    const { signal } = this.closing;
    try {
      if (record.type === 'memory') await memory.take(record, signal);
      else await memory.learn(record, signal);
    } catch (error) {
      if (!isRowsFault(error) || ++this.numTries < maxTries) throw error;
      onProblem(`memory leaves out the row ${record.id}: ${messageOf(error)}`);
    }
  }

  private async save(): Promise<void> {
    if (this.position === this.saved) return;
    await replaceFile(this.options.cursor, JSON.stringify(this.position));
    this.saved = this.position;
  }

  private async expire(): Promise<void> {
    await this.options.memory.expire().catch((error: unknown) => {
      this.options.onProblem(`memory keeps what has expired: ${messageOf(error)}`);
    });
  }
}

/** Where the cursor says; the start when there is none, or when it points beyond the log, which then is another one. */
async function startOf({ cursor, log, onProblem }: FeederOptions): Promise<Position> {
  const onUnknown = (): void =>
    onProblem('the place of memory in the feedback log is unknown: all of the log is read again');
  const position = await readPosition(cursor, onUnknown);
  if (!(await isBeyondLog(position, log))) return position;
  onUnknown();
  return logStart;
}

const ofTheSurroundings = new Set([
  'engine_unavailable',
  'engine_failed',
  'queue_full',
  'deadline_unmeetable',
]);

/** Errors of ours say where they come from, those of the system have a code. */
function isRowsFault(error: unknown): boolean {
  if (error instanceof MillraceError) return !ofTheSurroundings.has(error.code);
  return (error as NodeJS.ErrnoException).code === undefined;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
