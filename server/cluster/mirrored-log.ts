/**
 * A log that is written elsewhere, kept here line by line as it comes: who reads it finds it as if it were written here.
 * A line that is among the latest comes a second time, after a crash or out of a stream that was filled again, and is
 * dropped: equal lines say the same, and no two things that happen are told in the same words.
 */
import { createHash } from 'node:crypto';
import { readAll } from '../../core/feedback/log-reader.ts';
import { type LogLimits, LogWriter } from '../../core/feedback/log-writer.ts';

export interface MirroredLogOptions {
  readonly folder: string;
  readonly limits: LogLimits;
  /** Latest lines that are known again. At least as many as the stream may hold, or it drops less than what may come twice. */
  readonly maxKnown: number;
}

export class MirroredLog {
  private readonly writer: LogWriter;
  private readonly maxKnown: number;
  /** Digests of lines, the latest last. */
  private readonly known: Set<string>;

  private constructor(writer: LogWriter, maxKnown: number, known: Set<string>) {
    this.writer = writer;
    this.maxKnown = maxKnown;
    this.known = known;
  }

  /** There may be no other writer. */
  static async open({ folder, limits, maxKnown }: MirroredLogOptions): Promise<MirroredLog> {
    const writer = await LogWriter.open(folder, limits);
    const log = new MirroredLog(writer, maxKnown, new Set());
    for await (const { record } of readAll(folder, (json) => json as object)) log.know(digestOf(record));
    return log;
  }

  /** Durable, in order, when it returns the number of those that were not there. One call at a time. */
  async append(records: readonly object[]): Promise<number> {
    const all = new Map(records.map((record) => [digestOf(record), record]));
    const fresh = [...all].filter(([digest]) => !this.known.has(digest));
    const written = await Promise.allSettled(
      fresh.map(async ([digest, record]) => {
        await this.writer.append(record);
        this.know(digest);
      }),
    );
    for (const each of written) if (each.status === 'rejected') throw each.reason;
    return fresh.length;
  }

  close(): Promise<void> {
    return this.writer.close();
  }

  private know(digest: string): void {
    this.known.delete(digest);
    this.known.add(digest);
    if (this.known.size > this.maxKnown) this.known.delete(this.known.values().next().value!);
  }
}

const digestOf = (record: object): string =>
  createHash('sha256').update(JSON.stringify(record)).digest('base64url').slice(0, 22);
