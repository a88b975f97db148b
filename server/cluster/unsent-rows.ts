/**
 * What of a log waits to be sent: this replica's own rows behind the place that its sender has got to. Counted as the log grows,
 * a bounded piece at a time, and not again while nothing is sent; to be read at any moment.
 */
import { type Read, readLog } from '../../core/feedback/log-reader.ts';
import type { Position } from '../../core/feedback/segments.ts';
import { isOwn } from './origin.ts';

export interface Unsent {
  readonly rows: number;
  readonly bytes: number;
  /** When the oldest of them was received, in milliseconds since 1970; null where there is none. */
  readonly oldestMs: number | null;
}

export interface UnsentRowsOptions {
  /** Folder of the log. */
  readonly log: string;
  /** Id of this replica. */
  readonly origin: string;
  /** How far the sender is. */
  readonly sentTo: () => Position;
  readonly pollMs: number;
}

/** Rows that were read together, of which some are this replica's own. */
interface Block extends Unsent {
  readonly end: Position;
}

/** Some hundred kilobytes each: of a log of a gigabyte the first count takes some minutes, and nobody waits for it. */
const maxBlocksPerTurn = 16;
/** A log holds fewer, unless its limit is large; the rows beyond are counted once some are sent. */
const maxBlocks = 65_536;

export class UnsentRows {
  private readonly options: UnsentRowsOptions;
  private blocks: Block[] = [];
  private from: Position;
  private counted: Position;
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> | null = null;

  constructor(options: UnsentRowsOptions) {
    this.options = options;
    this.from = options.sentTo();
    this.counted = this.from;
    this.timer = setInterval(() => this.look(), options.pollMs).unref();
    this.look();
  }

  /** As of the last look. */
  state(): Unsent {
    let [rows, bytes] = [0, 0];
    for (const block of this.blocks) {
      rows += block.rows;
      bytes += block.bytes;
    }
    return { rows, bytes, oldestMs: this.blocks.find(({ oldestMs }) => oldestMs !== null)?.oldestMs ?? null };
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private look(): void {
    if (this.running !== null) return;
    this.running = this.count()
      .catch(() => {
        // A disk that cannot be read is told of by the sender, which reads the same.
      })
      .finally(() => {
        this.running = null;
      });
  }

  private async count(): Promise<void> {
    await this.dropSent();
    for (let turn = 0; turn < maxBlocksPerTurn && this.blocks.length < maxBlocks; turn++) {
      const block = await this.blockFrom(this.counted);
      if (block === null) return;
      this.counted = block.end;
      if (block.rows > 0) this.blocks.push(block);
    }
  }

  private async dropSent(): Promise<void> {
    const to = this.options.sentTo();
    // A stream that has lost its end gets again what was in it.
    const isBack = isBefore(to, this.from);
    this.from = to;
    if (isBack || isBefore(this.counted, to)) {
      this.blocks = [];
      this.counted = to;
      return;
    }
    this.blocks = this.blocks.filter(({ end }) => isBefore(to, end));
    const [first] = this.blocks;
    // Of the first one some may have been sent.
    const rest = first === undefined ? null : await this.blockFrom(to, first.end);
    if (rest !== null) this.blocks[0] = rest;
  }

  /** What lies behind a place, up to another one; null where there is nothing. */
  private async blockFrom(from: Position, upTo: Position | null = null): Promise<Block | null> {
    const { log, origin } = this.options;
    const { records, position } = await readLog(log, from, (json) => json as object);
    const block = { rows: 0, bytes: 0, oldestMs: null as number | null, end: upTo ?? position };
    let before = from;
    for (const { record, position: end } of records) {
      if (upTo !== null && isBefore(upTo, end)) break;
      if (isOwn(record, origin)) {
        block.rows++;
        block.bytes += end.offset - (before.segment === end.segment ? before.offset : 0);
        block.oldestMs ??= receivedMs(record);
      }
      before = end;
    }
    return records.length === 0 ? null : block;
  }
}

const isBefore = (a: Position, b: Position): boolean =>
  a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);

function receivedMs(record: Read<object>['record']): number | null {
  const ms = Date.parse(String((record as { readonly receivedAt?: unknown }).receivedAt));
  return Number.isFinite(ms) ? ms : null;
}
