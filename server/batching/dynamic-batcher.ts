/** Runs one-shot items in batches, one batch at a time; items that come meanwhile form the next. */
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { BatchQueue } from './batch-queue.ts';
import type { BatchLimits } from './batch-size.ts';

export interface DynamicBatcherOptions<Input> {
  readonly clock: Clock;
  readonly limits: BatchLimits & { readonly maxWaiting: number };
  /** One result per input, in order. Rejects as a whole. */
  readonly run: (inputs: readonly Input[]) => Promise<readonly Float32Array[]>;
  /** Tokens of an input. */
  readonly lengthOf: (input: Input) => number;
}

interface Item<Input> {
  readonly input: Input;
  readonly length: number;
  resolve(result: Float32Array): void;
  reject(error: unknown): void;
}

const minRetryMs = 100;

export class DynamicBatcher<Input> {
  private readonly options: DynamicBatcherOptions<Input>;
  private readonly queue: BatchQueue<Item<Input>>;
  private isRunning = false;

  constructor(options: DynamicBatcherOptions<Input>) {
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
  async submit(inputs: readonly Input[], { signal }: { signal?: AbortSignal }): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    const { numWaiting } = this.queue;
    if (numWaiting > 0 && numWaiting + inputs.length > this.options.limits.maxWaiting) {
      const retryAfterMs = Math.max(minRetryMs, Math.ceil(this.queue.predictMs()));
      throw new MillraceError('queue_full', { waiting: numWaiting, retryAfterMs });
    }
    const items: Item<Input>[] = [];
    const results = inputs.map(
      (input) =>
        new Promise<Float32Array>((resolve, reject) => {
          items.push({ input, length: this.options.lengthOf(input), resolve, reject });
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
        const results = await run(batch.items.map(({ input }) => input));
        this.queue.finished(batch, clock.nowMs() - startMs);
        batch.items.forEach((item, index) => {
          item.resolve(results[index]!);
        });
      } catch (error) {
        for (const item of batch.items) item.reject(error);
      }
    }
    this.isRunning = false;
  }
}
