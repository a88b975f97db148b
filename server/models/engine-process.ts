/**
 * The gateway's side of an engine host: starts the process, passes sequences in and events out, watches its pulse,
 * and starts it again when it dies. Whatever happens to the host, every submitted sequence gets its 'end'.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import type { EngineState, EngineStats, InferenceEngine } from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';
import { type FromHost, type HostOptions, type HostStats, pulseFd, type ToHost } from './host-messages.ts';
import { Watchdog } from './watchdog.ts';

export interface EngineProcessOptions {
  readonly version: string;
  readonly host: HostOptions;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  readonly log: (message: string) => void;
  /** Variables that the host is started with; none when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const hostEntry = fileURLToPath(new URL('./engine-host.js', import.meta.url));
const firstBackOffMs = 100;
const maxBackOffMs = 10_000;
/** A host that ran this long starts its next life without a penalty. */
const healthyMs = 30_000;
const closeTimeoutMs = 2_000;

const noStats: HostStats = {
  numRunning: 0,
  numWaiting: 0,
  numSlots: 0,
  cacheTokens: 0,
  cacheTokensMax: 0,
  prefixLookupTokens: 0,
  prefixHitTokens: 0,
  prefixBytes: 0,
  steps: 0,
  lastStepMs: 0,
  predictedStepMs: 0,
  batchTokens: 0,
  preemptions: 0,
  promptTokens: 0,
  generatedTokens: 0,
  prefillTokensPerSecond: 0,
  decodeTokensPerSecond: 0,
};

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
  private readonly options: EngineProcessOptions;
  private readonly listeners = new Map<string, (event: SequenceEvent) => void>();
  private child: ChildProcess | null = null;
  private status: EngineState = 'starting';
  private hostStats: HostStats = noStats;
  private restarts = 0;
  private backOffMs = firstBackOffMs;

  constructor(options: EngineProcessOptions) {
    this.options = options;
    this.version = options.version;
  }

  state(): EngineState {
    return this.status;
  }

  stats(): EngineStats {
    return { ...this.hostStats, restarts: this.restarts };
  }

  pid(): number | null {
    return this.child?.pid ?? null;
  }

  submit(spec: SequenceSpec, onEvent: (event: SequenceEvent) => void): void {
    if (this.status !== 'ready') {
      const message = `the engine is ${this.status}`;
      queueMicrotask(() => onEvent({ kind: 'end', id: spec.id, reason: 'error', numGenerated: 0, message }));
      return;
    }
    this.listeners.set(spec.id, onEvent);
    this.send({ kind: 'submit', spec });
  }

  cancel(id: string): void {
    if (this.listeners.has(id)) this.send({ kind: 'cancel', id });
  }

  async close(): Promise<void> {
    this.status = 'stopped';
    const child = this.child;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.send({ kind: 'close' });
    const timer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs);
    await gone;
    clearTimeout(timer);
  }

  /** Resolves when the host is ready; rejects when it fails, or takes too long, the first time. */
  async start(): Promise<void> {
    const child = fork(hostEntry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      // One malloc arena: buffers come and go with every step and are better shared.
      env: { ...this.options.environment, MALLOC_ARENA_MAX: '1' },
    });
    this.child = child;
    const startedMs = this.options.clock.nowMs();
    const watchdog = new Watchdog({ child, clock: this.options.clock, pulse: child.stdio[pulseFd] });
    child.once('exit', (code, signal) => {
      watchdog.stop();
      if (this.options.clock.nowMs() - startedMs > healthyMs) this.backOffMs = firstBackOffMs;
      this.onExit(signal ?? `code ${code}`, watchdog.verdict);
    });
    await this.untilReady(child);
    watchdog.start();
  }

  private untilReady(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(timer);
        reject(new MillraceError('engine_unavailable', { reason, retryAfterMs: this.backOffMs }));
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`it was not ready within ${this.options.startTimeoutMs} ms`);
      }, this.options.startTimeoutMs);
      child.once('exit', (code, signal) => fail(`the host ended with ${signal ?? `code ${code}`}`));
      child.once('error', (error) => fail(error.message));
      child.on('message', (message: FromHost) => {
        if (message.kind === 'failed') {
          child.kill('SIGKILL');
          fail(message.message);
        } else if (message.kind === 'ready') {
          clearTimeout(timer);
          [this.maxContext, this.vocabSize] = [message.maxContext, message.vocabSize];
          if (this.status !== 'stopped') this.status = 'ready';
          resolve();
        } else this.dispatch(message.events, message.stats);
      });
      this.send({ kind: 'load', options: this.options.host });
    });
  }

  private dispatch(events: readonly SequenceEvent[], stats: HostStats): void {
    this.hostStats = stats;
    for (const event of events) {
      const listener = this.listeners.get(event.id);
      if (event.kind === 'end') this.listeners.delete(event.id);
      listener?.(event);
    }
  }

  private onExit(how: string, verdict: string | null): void {
    this.child = null;
    const message = verdict ?? `the engine host ended with ${how}`;
    const orphans = [...this.listeners];
    this.listeners.clear();
    this.hostStats = { ...noStats, numSlots: this.hostStats.numSlots };
    const wasReady = this.status === 'ready';
    if (this.status === 'ready') this.status = 'restarting';
    for (const [id, listener] of orphans)
      listener({ kind: 'end', id, reason: 'error', numGenerated: 0, message });
    if (wasReady) {
      this.options.log(`${message}; ${orphans.length} sequences ended with it`);
      this.restartLater();
    }
  }

  private restartLater(): void {
    setTimeout(() => {
      if (this.status !== 'restarting') return;
      this.restarts++;
      this.backOffMs = Math.min(maxBackOffMs, this.backOffMs * 2);
      this.start().catch((error: Error) => {
        this.options.log(`restart failed: ${error.message}`);
        if (this.status === 'restarting') this.restartLater();
      });
    }, this.backOffMs);
  }

  private send(message: ToHost): void {
    // A dying host fails the send; its exit ends the sequences.
    if (this.child?.connected) this.child.send(message, () => {});
  }
}
