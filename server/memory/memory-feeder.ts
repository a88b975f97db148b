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
import { messageOf } from '../../core/message-of.ts';
import { Pump } from '../../core/pump.ts';
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

/** Rows are told of, so that this finds only what was missed. */
const pollMs = 60_000;
const minRetryMs = 250;
/** Of a row that fails by itself; an encoder or a disk that is not there is waited for. */
const maxTries = 3;
const expireEveryMs = 3_600_000;

export class MemoryFeeder {
  private readonly options: FeederOptions;
  private position: Position;
  private saved: Position;
  private readonly pump: Pump;
  /** Failures of the row at the position. */
  private numTries = 0;
  private readonly expiry: NodeJS.Timeout;

  private constructor(options: FeederOptions, position: Position) {
    this.options = options;
    this.position = position;
    this.saved = position;
    this.expiry = setInterval(() => void this.expire(), expireEveryMs).unref();
    // The encoder is restarting, or the disk is full: the rows are in the log and come again.
    const onProblem = (message: string): void => options.onProblem(`memory waits: ${message}`);
    this.pump = new Pump({ work: (signal) => this.advance(signal), pollMs, minRetryMs, onProblem });
  }

  static async open(options: FeederOptions): Promise<MemoryFeeder> {
    return new MemoryFeeder(options, await startOf(options));
  }

  /** There may be new rows. After a failure they wait for the next try. */
  wake(): void {
    this.pump.wake();
  }

  async close(): Promise<void> {
    clearInterval(this.expiry);
    await this.pump.close();
  }

  /** Whether there was anything. */
  private async advance(signal: AbortSignal): Promise<boolean> {
    const read = await readLog(this.options.log, this.position, parseLogRecord);
    try {
      for (const { record, position } of read.records) {
        signal.throwIfAborted();
        await this.take(record, signal);
        this.position = position;
        this.numTries = 0;
      }
    } finally {
      await this.save();
    }
    return read.records.length > 0;
  }

  private async take(record: LogRecord, signal: AbortSignal): Promise<void> {
    const { memory, onProblem } = this.options;
    if (record.type === 'undo') {
      const { tenant, what, rows = [] } = record;
      const of = what.kind === 'account' ? { rows, account: what.account } : { rows: [...rows, what.row] };
      await memory.forgetSource(tenant, of);
      return;
    }
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
