/**
 * A child process that does the work of one model version: started, watched, and started again when it dies.
 * Knows nothing of what is said over the channel beyond 'load', 'ready' and 'failed'.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import type { EngineState } from '../batching/engine.ts';
import { pulseFd } from './host-messages.ts';
import { Watchdog } from './watchdog.ts';

export interface HostProcessOptions {
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  readonly log: (message: string) => void;
  /** Variables that the host is started with; none when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

type Failed = { readonly kind: 'failed'; readonly message: string };

/** The part of the protocol that is the same for all hosts. */
export interface HostProtocol<From extends { kind: string }, Ready extends From & { kind: 'ready' }> {
  /** File beside this one. */
  readonly entry: string;
  /** The first message to a host. */
  load(): object;
  onReady(message: Ready): void;
  onMessage(message: Exclude<From, Ready | Failed>): void;
  /** The host is gone with all that it worked on. */
  onGone(reason: string): void;
}

const firstBackOffMs = 100;
const maxBackOffMs = 10_000;
/** A host that ran this long starts its next life without a penalty. */
const healthyMs = 30_000;
const closeTimeoutMs = 2_000;

export class HostProcess<From extends { kind: string }, Ready extends From & { kind: 'ready' }> {
  /** Times that the host has been started again. */
  restarts = 0;
  private readonly options: HostProcessOptions;
  private readonly protocol: HostProtocol<From, Ready>;
  private child: ChildProcess | null = null;
  private status: EngineState = 'starting';
  private backOffMs = firstBackOffMs;

  constructor(options: HostProcessOptions, protocol: HostProtocol<From, Ready>) {
    this.options = options;
    this.protocol = protocol;
  }

  get state(): EngineState {
    return this.status;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** How long to wait before asking again while the host is down, in milliseconds. */
  get retryAfterMs(): number {
    return this.backOffMs;
  }

  send(message: object): void {
    // A dying host fails the send; its exit is told by onGone.
    if (this.child?.connected) this.child.send(message, () => {});
  }

  /** Resolves when the host is ready. Throws engine_unavailable when it fails, or takes too long, the first time. */
  async start(): Promise<void> {
    const entry = fileURLToPath(new URL(`./${this.protocol.entry}`, import.meta.url));
    const child = fork(entry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      // One malloc arena: buffers come and go with every step and are better shared.
      env: { ...this.options.environment, MALLOC_ARENA_MAX: '1' },
    });
    this.child = child;
    letOthersFirst(child.pid);
    const startedMs = this.options.clock.nowMs();
    const watchdog = new Watchdog({ child, clock: this.options.clock, pulse: child.stdio[pulseFd] });
    child.once('exit', (code, signal) => {
      watchdog.stop();
      if (this.options.clock.nowMs() - startedMs > healthyMs) this.backOffMs = firstBackOffMs;
      this.onExit(watchdog.verdict ?? `the engine host ended with ${signal ?? `code ${code}`}`);
    });
    await this.untilReady(child);
    watchdog.start();
  }

  /** Asks the host to end, and ends it if it does not. */
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
      const hear = (message: From): void => {
        if (message.kind === 'failed') {
          child.kill('SIGKILL');
          fail((message as unknown as Failed).message);
        } else if (message.kind === 'ready') {
          clearTimeout(timer);
          this.protocol.onReady(message as From & { kind: 'ready' } as Ready);
          if (this.status !== 'stopped') this.status = 'ready';
          resolve();
        } else this.protocol.onMessage(message as Exclude<From, Ready | Failed>);
      };
      child.on('message', (message: From) => {
        try {
          hear(message);
        } catch (error) {
          // Its memory is not what it was: it ends, and the gateway does not.
          this.options.log(`the engine host said what cannot be understood (${error})`);
          child.kill('SIGKILL');
        }
      });
      this.send(this.protocol.load());
    });
  }

  private onExit(reason: string): void {
    this.child = null;
    const wasReady = this.status === 'ready';
    if (wasReady) this.status = 'restarting';
    this.protocol.onGone(reason);
    if (!wasReady) return;
    this.options.log(reason);
    this.restartLater();
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
}

/**
 * Steps use all cores without a pause. A little less than the gateway's priority lets it answer at once: refusals under three
 * times the capacity took 112 ms at the 99th percentile without, 7 ms with it, at equal tokens per second (two cores).
 */
const niceness = 2;

function letOthersFirst(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, niceness);
  } catch {
    // It has ended already, or the system does not allow it.
  }
}
