/**
 * Carries the feedback log into memory, each row once in effect: where it is stands on disk, and a row that comes again
 * after a crash changes nothing.
 */
import { readFile } from 'node:fs/promises';
import { readLog } from '../../core/feedback/log-reader.ts';
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

const retryMs = 1_000;

export class MemoryFeeder {
  private readonly options: FeederOptions;
  private position: Position;
  private running: Promise<void> | null = null;
  private isWanted = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | null = null;

  private constructor(options: FeederOptions, position: Position) {
    this.options = options;
    this.position = position;
  }

  static async open(options: FeederOptions): Promise<MemoryFeeder> {
    const text = await readFile(options.cursor, 'utf8').catch(() => null);
    const feeder = new MemoryFeeder(options, text === null ? logStart : (JSON.parse(text) as Position));
    feeder.wake();
    return feeder;
  }

  /** There may be new rows. */
  wake(): void {
    this.isWanted = true;
    if (this.isClosed) return;
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.isWanted && this.timer === null) this.wake();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    this.isWanted = false;
    try {
      while (!this.isClosed && (await this.advance()));
    } catch (error) {
      // The encoder is restarting, or the disk is full: the rows are in the log and come again.
      this.options.onProblem(`memory waits: ${error instanceof Error ? error.message : error}`);
      this.timer = setTimeout(() => {
        this.timer = null;
        this.wake();
      }, retryMs);
    }
  }

  private async advance(): Promise<boolean> {
    const { memory, log, cursor } = this.options;
    const read = await readLog(log, this.position, (json) => json as LogRecord);
    for (const { record } of read.records) {
      if (record.type === 'feedback') await memory.learn(record);
      else {
        const { tenant, what } = record;
        await memory.forgetSource(
          tenant,
          what.kind === 'row' ? { row: what.row } : { account: what.account },
        );
      }
    }
    if (read.records.length === 0) return false;
    this.position = read.position;
    await replaceFile(cursor, JSON.stringify(this.position));
    return true;
  }
}
