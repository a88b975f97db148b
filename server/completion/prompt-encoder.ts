/**
 * Texts to token ids without holding up the event loop: short ones at once, long ones in a thread of their own, which
 * starts with the first of them. A text made to be slow delays other long texts, never the running streams.
 */
import { Worker } from 'node:worker_threads';
import { MillraceError } from '../../core/errors.ts';
import type { Tokenizer, TokenizerFiles } from '../../core/tokenizer/tokenizer.ts';
import type { EncodeAnswer, EncodeJob, EncodeOptions } from './prompt-encoder-thread.ts';

export interface PromptEncoder {
  /** Throws queue_full when too many long texts wait, deadline_unmeetable when one takes too long. */
  encode(texts: readonly string[], options: EncodeOptions): Promise<readonly number[][]>;
  close(): Promise<void>;
}

/** Characters, all texts together; the slowest text tried, one letter repeated, takes 18 to 57 ms of this length. */
const maxCharactersAtOnce = 4_096;
const maxPending = 64;
const timeoutMs = 20_000;
const retryAfterMs = 1_000;

interface Pending {
  readonly resolve: (ids: readonly number[][]) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export function createPromptEncoder(tokenizer: Tokenizer, files: TokenizerFiles): PromptEncoder {
  return new ThreadedEncoder(tokenizer, files);
}

class ThreadedEncoder implements PromptEncoder {
  private readonly tokenizer: Tokenizer;
  private readonly files: TokenizerFiles;
  private readonly pending = new Map<number, Pending>();
  private worker: Worker | null = null;
  private nextId = 0;

  constructor(tokenizer: Tokenizer, files: TokenizerFiles) {
    this.tokenizer = tokenizer;
    this.files = files;
  }

  async encode(texts: readonly string[], options: EncodeOptions): Promise<readonly number[][]> {
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    if (characters <= maxCharactersAtOnce) return texts.map((text) => this.tokenizer.encode(text, options));
    if (this.pending.size >= maxPending)
      throw new MillraceError('queue_full', { waiting: this.pending.size, retryAfterMs });
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      const timer = setTimeout(() => void this.stop(slow()), timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      this.thread().postMessage({ id, texts, options } satisfies EncodeJob);
    });
  }

  async close(): Promise<void> {
    await this.stop(new MillraceError('engine_unavailable', { reason: 'the server ends', retryAfterMs }));
  }

  private thread(): Worker {
    if (this.worker !== null) return this.worker;
    const worker = new Worker(new URL('./prompt-encoder-thread.js', import.meta.url), {
      workerData: this.files,
    });
    worker.unref();
    worker.on('message', ({ id, ids }: EncodeAnswer) => this.take(id)?.resolve(ids));
    worker.on('error', (error) => void this.stop(error));
    this.worker = worker;
    return worker;
  }

  private take(id: number): Pending | undefined {
    const found = this.pending.get(id);
    this.pending.delete(id);
    clearTimeout(found?.timer);
    return found;
  }

  /** Ends the thread and what waits for it; the next long text starts another. */
  private async stop(reason: Error): Promise<void> {
    const { worker } = this;
    this.worker = null;
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(reason);
    await worker?.terminate();
  }
}

const slow = (): Error => new MillraceError('deadline_unmeetable', { maxWaitMs: timeoutMs, retryAfterMs });
