/** The gateway's side of a batch host: batches inputs of all requests, and answers each with its results. */
import { MillraceError } from '../../core/errors.ts';
import { DynamicBatcher, type DynamicBatcherOptions } from '../batching/dynamic-batcher.ts';
import type { EngineState } from '../batching/engine.ts';
import type { BatchHostOptions, FromBatchHost, ToBatchHost } from './host-messages.ts';
import { HostProcess, type HostProcessOptions } from './host-process.ts';

export interface BatchProcessOptions<Input> extends HostProcessOptions {
  readonly host: BatchHostOptions;
  readonly limits: DynamicBatcherOptions<Input>['limits'];
  readonly lengthOf: (input: Input) => number;
}

type Ready = Extract<FromBatchHost, { kind: 'ready' }>;

interface Pending {
  readonly id: number;
  resolve(results: readonly Float32Array[]): void;
  reject(error: MillraceError): void;
}

export class BatchProcess<Input> {
  resultSize: number | null = null;
  maxContext = 0;
  private readonly process: HostProcess<FromBatchHost, Ready>;
  private readonly batcher: DynamicBatcher<Input>;
  /** At most one batch is under way. */
  private pending: Pending | null = null;
  private lastId = 0;

  constructor(options: BatchProcessOptions<Input>) {
    const { clock, limits, lengthOf } = options;
    this.batcher = new DynamicBatcher({ clock, limits, lengthOf, run: (inputs) => this.run(inputs) });
    this.process = new HostProcess<FromBatchHost, Ready>(options, {
      entry: 'batch-host.js',
      load: () => ({ kind: 'load', options: options.host }) satisfies ToBatchHost<Input>,
      onReady: (message) => {
        [this.resultSize, this.maxContext] = [message.resultSize, message.maxContext];
      },
      onMessage: (message) => this.settle(message),
      onGone: (reason) => this.fail(new MillraceError('engine_failed', { reason })),
    });
  }

  /** Waits until the host serves. Throws engine_unavailable when it cannot. */
  start(): Promise<void> {
    return this.process.start();
  }

  get state(): EngineState {
    return this.process.state;
  }

  get pid(): number | null {
    return this.process.pid;
  }

  /** Throws what the batcher throws, engine_failed when the host dies, engine_internal when it cannot run the batch. */
  submit(inputs: readonly Input[], options: { signal?: AbortSignal }): Promise<Float32Array[]> {
    return this.batcher.submit(inputs, options);
  }

  close(): Promise<void> {
    return this.process.close();
  }

  /** The host's silence ends with the watchdog's verdict, its death with an exit: a batch never hangs. */
  private run(inputs: readonly Input[]): Promise<readonly Float32Array[]> {
    const { state, retryAfterMs } = this.process;
    if (state !== 'ready') {
      return Promise.reject(
        new MillraceError('engine_unavailable', { reason: `it is ${state}`, retryAfterMs }),
      );
    }
    return new Promise((resolve, reject) => {
      this.pending = { id: ++this.lastId, resolve, reject };
      this.process.send({ kind: 'run', id: this.lastId, inputs } satisfies ToBatchHost<Input>);
    });
  }

  private settle(message: Extract<FromBatchHost, { kind: 'results' | 'refused' }>): void {
    if (message.id !== this.pending?.id) return;
    if (message.kind === 'results') {
      this.pending.resolve(message.results);
      this.pending = null;
    } else this.fail(new MillraceError('engine_internal', { reason: message.message }));
  }

  private fail(error: MillraceError): void {
    this.pending?.reject(error);
    this.pending = null;
  }
}
