/** The gateway's side of an encoder host: batches inputs of all requests, and answers each with its vectors. */
import { MillraceError } from '../../core/errors.ts';
import { DynamicBatcher, type DynamicBatcherOptions } from '../batching/dynamic-batcher.ts';
import type { EmbeddingEngine } from '../batching/engine.ts';
import type { FromEncoderHost, ToEncoderHost } from './host-messages.ts';
import { HostProcess, type HostProcessOptions } from './host-process.ts';

export interface EncoderProcessOptions extends HostProcessOptions {
  readonly version: string;
  /** A verified version folder of an encoder. */
  readonly folder: string;
  readonly threads: number;
  readonly limits: DynamicBatcherOptions['limits'];
}

type Ready = Extract<FromEncoderHost, { kind: 'ready' }>;

interface Pending {
  readonly id: number;
  resolve(vectors: readonly Float32Array[]): void;
  reject(error: MillraceError): void;
}

/** Starts the host and waits until it serves. Throws engine_unavailable when it cannot. */
export async function startEncoder(
  options: EncoderProcessOptions,
): Promise<EmbeddingEngine & { pid(): number | null }> {
  const encoder = new EncoderProcess(options);
  await encoder.start();
  return encoder;
}

class EncoderProcess implements EmbeddingEngine {
  readonly version: string;
  dimensions = 0;
  maxContext = 0;
  private readonly process: HostProcess<FromEncoderHost, Ready>;
  private readonly batcher: DynamicBatcher;
  /** At most one batch is under way. */
  private pending: Pending | null = null;
  private lastId = 0;

  constructor(options: EncoderProcessOptions) {
    const { version, clock, limits, folder, threads } = options;
    this.version = version;
    this.batcher = new DynamicBatcher({ clock, limits, run: (inputs) => this.run(inputs) });
    this.process = new HostProcess<FromEncoderHost, Ready>(options, {
      entry: 'encoder-host.js',
      load: { kind: 'load', options: { folder, threads } } satisfies ToEncoderHost,
      onReady: (message) => {
        [this.dimensions, this.maxContext] = [message.dimensions, message.maxContext];
      },
      onMessage: (message) => this.settle(message),
      onGone: (reason) => this.fail(new MillraceError('engine_failed', { reason })),
    });
  }

  start(): Promise<void> {
    return this.process.start();
  }

  state() {
    return this.process.state;
  }

  pid(): number | null {
    return this.process.pid;
  }

  embed(inputs: readonly (readonly number[])[], options: { signal?: AbortSignal }): Promise<Float32Array[]> {
    return this.batcher.submit(inputs, options);
  }

  close(): Promise<void> {
    return this.process.close();
  }

  /** The host's silence ends with the watchdog's verdict, its death with an exit: a batch never hangs. */
  private run(inputs: readonly (readonly number[])[]): Promise<readonly Float32Array[]> {
    const { state, retryAfterMs } = this.process;
    if (state !== 'ready') {
      return Promise.reject(
        new MillraceError('engine_unavailable', { reason: `it is ${state}`, retryAfterMs }),
      );
    }
    return new Promise((resolve, reject) => {
      this.pending = { id: ++this.lastId, resolve, reject };
      this.process.send({ kind: 'encode', id: this.lastId, inputs } satisfies ToEncoderHost);
    });
  }

  private settle(message: Extract<FromEncoderHost, { kind: 'vectors' | 'refused' }>): void {
    if (message.id !== this.pending?.id) return;
    if (message.kind === 'vectors') {
      this.pending.resolve(message.vectors);
      this.pending = null;
    } else this.fail(new MillraceError('engine_internal', { reason: message.message }));
  }

  private fail(error: MillraceError): void {
    this.pending?.reject(error);
    this.pending = null;
  }
}
