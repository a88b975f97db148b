/**
 * How many one-shot items run together. The size follows each batch's time by ±20 %, between a least and a largest
 * one, and starts from the fitted line of time over work instead of climbing from the bottom.
 */
import { LatencyFit } from './latency-fit.ts';

export interface BatchLimits {
  /** The size never falls below this. A smaller batch runs whenever fewer items wait: none is held back. */
  readonly minSize: number;
  readonly maxSize: number;
  /** From an item's arrival to its result. */
  readonly targetMs: number;
}

/** Share of the target that one batch may take: an item waits for the batch before its own, and then runs itself. */
const batchShare = 0.45;
/** Under this share of what a batch may take, it may grow. */
const room = 0.8;
const step = 0.2;

export class BatchSize {
  private readonly limits: BatchLimits;
  private readonly fit = new LatencyFit();
  private size: number;

  constructor(limits: BatchLimits) {
    this.limits = limits;
    this.size = limits.minSize;
  }

  /** Items of `length` tokens each, padded, that run as one batch; at least one. */
  itemsOf(length: number): number {
    const fitting = Math.floor(this.fit.workWithin(this.budgetMs) / length);
    return Math.max(1, Math.min(Math.floor(this.size), fitting));
  }

  predictMs(paddedTokens: number): number {
    return this.fit.predictMs(paddedTokens);
  }

  /** After each batch; `leftWaiting` items remain. */
  observe(batch: { size: number; paddedTokens: number; tookMs: number; leftWaiting: number }): void {
    const { minSize, maxSize } = this.limits;
    if (this.fit.isEmpty) this.size = this.budgetMs / (batch.tookMs / batch.size);
    else if (batch.tookMs > this.budgetMs) this.size *= 1 - step;
    else if (batch.leftWaiting > 0 && batch.tookMs < this.budgetMs * room) this.size *= 1 + step;
    this.size = Math.min(maxSize, Math.max(minSize, this.size));
    this.fit.observe(batch.paddedTokens, batch.tookMs);
  }

  private get budgetMs(): number {
    return this.limits.targetMs * batchShare;
  }
}
