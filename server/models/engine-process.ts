/**
 * The gateway's side of an engine host: passes sequences in and events out. Whatever happens to the host, every
 * submitted sequence gets its 'end'.
 */
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { MillraceError } from '../../core/errors.ts';
import {
  type AdapterSource,
  type EngineState,
  type EngineStats,
  type InferenceEngine,
  NoAdapterRoomError,
  noStats,
  type StepRecord,
} from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';
import type { FromHost, HostOptions, HostStats, ToHost } from './host-messages.ts';
import { HostProcess, type HostProcessOptions } from './host-process.ts';

export interface EngineProcessOptions extends HostProcessOptions {
  readonly version: string;
  readonly host: HostOptions;
  /** Is told of each step of the host; must be quick. */
  readonly onStep?: ((step: StepRecord) => void) | undefined;
}

/** An adapter that the host was asked to load, and who waits for it. */
interface LoadedAdapter {
  readonly source: AdapterSource;
  readonly ready: Deferred<void>;
}

type Ready = Extract<FromHost, { kind: 'ready' }>;

/** Starts the host and waits until it serves. Throws engine_unavailable when it cannot. */
export async function startEngine(
  options: EngineProcessOptions,
): Promise<InferenceEngine & { pid(): number | null }> {
  const engine = new EngineProcess(options);
  await engine.start();
  return engine;
}

class EngineProcess implements InferenceEngine {
  readonly version: string;
  maxContext = 0;
  vocabSize = 0;
  private readonly process: HostProcess<FromHost, Ready>;
  private readonly listeners = new Map<string, (event: SequenceEvent) => void>();
  private readonly onStep: EngineProcessOptions['onStep'];
  private hostStats: HostStats;
  private isShared = false;
  /** Given to the next host when one dies. */
  private readonly adapters = new Map<string, LoadedAdapter>();

  constructor(options: EngineProcessOptions) {
    this.version = options.version;
    this.onStep = options.onStep;
    // Known before the host has said anything, so that the first requests are not taken for a crowd.
    this.hostStats = { ...noStats, numSlots: options.host.numSlots };
    this.process = new HostProcess<FromHost, Ready>(options, {
      entry: 'engine-host.js',
      load: () =>
        ({
          kind: 'load',
          options: options.host,
          adapters: [...this.adapters.values()].map(({ source }) => source),
          isShared: this.isShared,
        }) satisfies ToHost,
      onReady: (message) => {
        [this.maxContext, this.vocabSize] = [message.maxContext, message.vocabSize];
      },
      onMessage: (message) => {
        if (message.kind === 'events') this.dispatch(message.events, message.stats);
        else this.settleAdapter(message);
      },
      onGone: (reason) => this.endAll(reason),
    });
  }

  start(): Promise<void> {
    return this.process.start();
  }

  state(): EngineState {
    return this.process.state;
  }

  stats(): EngineStats {
    return { ...this.hostStats, restarts: this.process.restarts };
  }

  pid(): number | null {
    return this.process.pid;
  }

  submit(spec: SequenceSpec, onEvent: (event: SequenceEvent) => void): void {
    const state = this.state();
    if (state !== 'ready') {
      const message = `the engine is ${state}`;
      queueMicrotask(() => onEvent({ kind: 'end', id: spec.id, reason: 'error', numGenerated: 0, message }));
      return;
    }
    this.listeners.set(spec.id, onEvent);
    this.send({ kind: 'submit', spec });
  }

  cancel(id: string): void {
    if (this.listeners.has(id)) this.send({ kind: 'cancel', id });
  }

  loadAdapter(source: AdapterSource): Promise<void> {
    const known = this.adapters.get(source.id);
    if (known !== undefined) return known.ready.promise;
    const ready = createDeferred<void>();
    this.adapters.set(source.id, { source, ready });
    this.send({ kind: 'load-adapter', adapter: source });
    return ready.promise;
  }

  dropAdapter(id: string): void {
    const dropped = this.adapters.get(id);
    if (dropped === undefined) return;
    this.adapters.delete(id);
    // Whoever still waits for it must not wait for ever; one that is loaded has been settled.
    dropped.ready.reject(new MillraceError('engine_internal', { reason: `the adapter ${id} was dropped` }));
    dropped.ready.promise.catch(() => {});
    this.send({ kind: 'drop-adapter', id });
  }

  shareCpu(isShared: boolean): void {
    if (isShared === this.isShared) return;
    this.isShared = isShared;
    this.send({ kind: 'share-cpu', isShared });
  }

  close(): Promise<void> {
    const reason = 'the engine was closed';
    for (const { ready } of this.adapters.values())
      ready.reject(new MillraceError('engine_unavailable', { reason, retryAfterMs: 1_000 }));
    const closed = this.process.close();
    // At once, and not when the host has ended: who waits has little time left.
    this.endAll(reason);
    return closed;
  }

  private settleAdapter({ id, problem }: Extract<FromHost, { kind: 'adapter' }>): void {
    const adapter = this.adapters.get(id);
    if (problem === null) adapter?.ready.resolve();
    else {
      this.adapters.delete(id);
      adapter?.ready.reject(
        problem.isRoomless
          ? new NoAdapterRoomError(problem.message)
          : new MillraceError('engine_internal', { reason: problem.message }),
      );
    }
  }

  private send(message: ToHost): void {
    this.process.send(message);
  }

  private dispatch(events: readonly SequenceEvent[], stats: HostStats): void {
    if (stats.steps !== this.hostStats.steps) this.onStep?.(stats);
    this.hostStats = stats;
    for (const event of events) {
      const listener = this.listeners.get(event.id);
      if (event.kind === 'end') this.listeners.delete(event.id);
      listener?.(event);
    }
  }

  private endAll(message: string): void {
    const orphans = [...this.listeners];
    this.listeners.clear();
    this.hostStats = { ...noStats, numSlots: this.hostStats.numSlots };
    for (const [id, listener] of orphans)
      listener({ kind: 'end', id, reason: 'error', numGenerated: 0, message });
  }
}
