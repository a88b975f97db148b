/**
 * One-shot items waiting to run together, and which of them run next. Knows no clock and no engine: the oldest item
 * always goes, with those after it that are about as long, so that little is computed for padding.
 */
import { type BatchLimits, BatchSize } from './batch-size.ts';

export interface BatchItem {
  /** Tokens. */
  readonly length: number;
}

export interface Batch<Item> {
  readonly items: readonly Item[];
  /** Tokens computed, padding included. */
  readonly paddedTokens: number;
}

export class BatchQueue<Item extends BatchItem> {
  private waiting: Item[] = [];
  private readonly size: BatchSize;

  constructor(limits: BatchLimits) {
    this.size = new BatchSize(limits);
  }

  get numWaiting(): number {
    return this.waiting.length;
  }

  push(item: Item): void {
    this.waiting.push(item);
  }

  remove(item: Item): void {
    this.waiting = this.waiting.filter((other) => other !== item);
  }

  /** Time that all waiting items take, as far as is known. */
  predictMs(): number {
    return this.size.predictMs(this.waiting.reduce((sum, { length }) => sum + length, 0));
  }

  /** The next batch; null when nothing waits. Whoever calls has an idle engine: there is nothing to wait for. */
  take(): Batch<Item> | null {
    const oldest = this.waiting[0];
    if (oldest === undefined) return null;
    const bucket = bucketOf(oldest.length);
    const alike = this.waiting.filter(({ length }) => bucketOf(length) === bucket);
    const items = alike.slice(0, this.size.itemsOf(longestOf(alike)));
    const taken = new Set(items);
    this.waiting = this.waiting.filter((item) => !taken.has(item));
    return { items, paddedTokens: longestOf(items) * items.length };
  }

  finished(batch: Batch<Item>, tookMs: number): void {
    const { items, paddedTokens } = batch;
    this.size.observe({ size: items.length, paddedTokens, tookMs, leftWaiting: this.waiting.length });
  }
}

const longestOf = (items: readonly BatchItem[]): number =>
  items.reduce((most, { length }) => Math.max(most, length), 0);

const shortest = 16;

/** Upper end of the length bucket: 16, 32, 64, … */
export function bucketOf(length: number): number {
  return Math.max(shortest, 2 ** Math.ceil(Math.log2(length)));
}
