/** Runs one-shot items in batches, one batch at a time; items that come meanwhile form the next. */
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { BatchQueue } from './batch-queue.ts';
import type { BatchLimits } from './batch-size.ts';

export interface DynamicBatcherOptions {
  readonly clock: Clock;
  readonly limits: BatchLimits & { readonly maxWaiting: number };
  /** One result per input, in order. Rejects as a whole. */
  readonly run: (inputs: readonly (readonly number[])[]) => Promise<readonly Float32Array[]>;
}

interface Item {
  readonly tokens: readonly number[];
  readonly length: number;
  resolve(vector: Float32Array): void;
  reject(error: unknown): void;
}

const minRetryMs = 100;

export class DynamicBatcher {
  private readonly options: DynamicBatcherOptions;
  private readonly queue: BatchQueue<Item>;
  private isRunning = false;

  constructor(options: DynamicBatcherOptions) {
    this.options = options;
    this.queue = new BatchQueue(options.limits);
  }

  get numWaiting(): number {
    return this.queue.numWaiting;
  }

  /**
   * All of a request's inputs, in order. Throws queue_full when they find no room, what `run` throws, and the
   * signal's reason when it is aborted; inputs that still wait are then dropped.
   */
  async submit(
    inputs: readonly (readonly number[])[],
    { signal }: { signal?: AbortSignal },
  ): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    const { numWaiting } = this.queue;
    if (numWaiting > 0 && numWaiting + inputs.length > this.options.limits.maxWaiting) {
      const retryAfterMs = Math.max(minRetryMs, Math.ceil(this.queue.predictMs()));
      throw new MillraceError('queue_full', { waiting: numWaiting, retryAfterMs });
    }
    const items: Item[] = [];
    const results = inputs.map(
      (tokens) =>
        new Promise<Float32Array>((resolve, reject) => {
          items.push({ tokens, length: tokens.length, resolve, reject });
        }),
    );
    const leave = (): void => {
      for (const item of items) {
        this.queue.remove(item);
        item.reject(signal?.reason);
      }
    };
    signal?.addEventListener('abort', leave, { once: true });
    for (const item of items) this.queue.push(item);
    if (!this.isRunning) void this.drain();
    try {
      return await Promise.all(results);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  private async drain(): Promise<void> {
    this.isRunning = true;
    // What is submitted in one go starts together.
    await Promise.resolve();
    for (let batch = this.queue.take(); batch !== null; batch = this.queue.take()) {
      const { clock, run } = this.options;
      const startMs = clock.nowMs();
      try {
        const vectors = await run(batch.items.map(({ tokens }) => tokens));
        this.queue.finished(batch, clock.nowMs() - startMs);
        batch.items.forEach((item, index) => {
          item.resolve(vectors[index]!);
        });
      } catch (error) {
        for (const item of batch.items) item.reject(error);
      }
    }
    this.isRunning = false;
  }
}
