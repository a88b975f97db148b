/**
 * Appends lines to a log and says so when they are on the disk. Lines that come while the disk is busy share the next
 * flush. There is one writer; what a crash left half-written was never acknowledged, and is cut off when it opens.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm, truncate } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';
import { sync } from '../sync.ts';
import { listSegments, type Position, segmentBytes, segmentPath } from './segments.ts';

export interface LogLimits {
  /** A segment that reaches this is closed and another begun. */
  readonly segmentBytes: number;
  /** Of all segments; the oldest are deleted beyond it. */
  readonly totalBytes: number;
  /** Lines that may wait for the disk. */
  readonly maxPending: number;
}

interface Pending {
  readonly line: string;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

const retryAfterMs = 500;

export class LogWriter {
  private readonly folder: string;
  private readonly limits: LogLimits;
  private file: FileHandle;
  private segment: number;
  private offset: number;
  private pending: Pending[] = [];
  private flushing: Promise<void> | null = null;
  private isClosed = false;
  /** A write has failed, and what it left behind the last durable line is still there. */
  private isDirty = false;

  private constructor(folder: string, limits: LogLimits, file: FileHandle, at: Position) {
    this.folder = folder;
    this.limits = limits;
    this.file = file;
    this.segment = at.segment;
    this.offset = at.offset;
  }

  static async open(folder: string, limits: LogLimits): Promise<LogWriter> {
    await mkdir(folder, { recursive: true });
    const segment = (await listSegments(folder)).at(-1) ?? 1;
    const path = segmentPath(folder, segment);
    const file = await open(path, 'a');
    const offset = await cutTornLine(path);
    await sync(folder);
    return new LogWriter(folder, limits, file, { segment, offset });
  }

  /**
   * Resolves with the place behind the line once it is durable. Throws queue_full when too many wait, and what the
   * disk says when it cannot be written: the line is then not in the log.
   */
  async append(record: object): Promise<Position> {
    if (this.isClosed) throw new Error('the log is closed');
    if (this.pending.length >= this.limits.maxPending) {
      throw new MillraceError('queue_full', { waiting: this.pending.length, retryAfterMs });
    }
    return new Promise((resolve, reject) => {
      this.pending.push({ line: `${JSON.stringify(record)}\n`, resolve, reject });
      this.flushing ??= this.flushAll();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.flushing;
    await this.file.close();
  }

  private async flushAll(): Promise<void> {
    while (this.pending.length > 0) {
      const batch = this.pending;
      this.pending = [];
      try {
        await this.write(batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.flushing = null;
  }

  private async write(batch: readonly Pending[]): Promise<void> {
    if (this.isDirty) await this.takeBack();
    if (this.offset >= this.limits.segmentBytes) await this.rotate();
    const lines = batch.map(({ line }) => Buffer.from(line));
    try {
      await this.file.appendFile(Buffer.concat(lines));
      await this.file.datasync();
    } catch (error) {
      // Half a batch may be there: none of it was acknowledged, so none of it stays.
      this.isDirty = true;
      // Where even that is refused, it is done before the next write.
      await this.takeBack().catch(() => {});
      throw error;
    }
    batch.forEach(({ resolve }, index) => {
      this.offset += lines[index]!.length;
      resolve({ segment: this.segment, offset: this.offset });
    });
  }

  /**
   * Removes what is not durable, and goes on in a new segment, which is there before: a reader that has already seen what
   * is removed stands behind the old one's end for good, and would skip what is written in its place.
   */
  private async takeBack(): Promise<void> {
    const path = segmentPath(this.folder, this.segment);
    const next = await open(segmentPath(this.folder, this.segment + 1), 'a');
    try {
      // Empty ones would become many on a disk that stays full.
      await (this.offset === 0 ? rm(path, { force: true }) : truncate(path, this.offset));
    } catch (error) {
      await next.close();
      throw error;
    }
    this.isDirty = false;
    await this.goOnIn(next);
  }

  private async rotate(): Promise<void> {
    await this.goOnIn(await open(segmentPath(this.folder, this.segment + 1), 'a'));
    await this.dropOldest();
  }

  private async goOnIn(next: FileHandle): Promise<void> {
    const last = this.file;
    this.file = next;
    this.segment++;
    this.offset = 0;
    await last.close();
    await sync(this.folder);
  }

  private async dropOldest(): Promise<void> {
    const segments = await listSegments(this.folder);
    const sizes = await Promise.all(segments.map((segment) => segmentBytes(this.folder, segment)));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (const [index, segment] of segments.slice(0, -1).entries()) {
      if (total <= this.limits.totalBytes) return;
      await rm(segmentPath(this.folder, segment));
      total -= sizes[index]!;
    }
  }
}

/** Cuts what follows the last line's end; returns the length that is left. */
async function cutTornLine(path: string): Promise<number> {
  let [length, end] = [0, 0];
  for await (const chunk of createReadStream(path)) {
    const bytes = chunk as Buffer;
    const last = bytes.lastIndexOf(10);
    if (last >= 0) end = length + last + 1;
    length += bytes.length;
  }
  if (end < length) await truncate(path, end);
  return end;
}
