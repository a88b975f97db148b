/** The trainer as a child of the server: started, told how busy serving is, started again when it dies or hangs. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromTrainer, ToTrainer } from '../../core/learning/trainer-messages.ts';
import type { TrainerOptions } from '../../core/learning/trainer-options.ts';
import { isStopped } from '../../core/process-identity.ts';
import { Silence } from '../../core/silence.ts';

export interface TrainerProcessOptions {
  readonly trainer: TrainerOptions;
  /** Variables that it is started with. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether requests wait longer than they should. */
  readonly isBusy: () => boolean;
  /** Train steps begin, or are over. */
  readonly onTraining: (isTraining: boolean) => void;
  readonly log: (message: string) => void;
  /** Of one that is not stopped, the first time. */
  readonly maxSilenceMs?: number;
  /** Program in the trainer's place, for tests. */
  readonly entry?: string;
}

export type TrainerState = 'starting' | 'ready' | 'restarting' | 'stopped';

const tellMs = 50;
const firstBackOffMs = 500;
const maxBackOffMs = 60_000;
/** A trainer that ran this long starts its next life without a penalty. */
const healthyMs = 60_000;
const closeTimeoutMs = 3_000;
/**
 * A step of training, or a large file that is read, blocks its event loop: seconds with the default model, more with larger ones
 * on a busy machine. One that was ended although it only took long is not ended so early again.
 */
const defaultMaxSilenceMs = 120_000;
const maxMaxSilenceMs = 3_600_000;
/** One that a signal has stopped does nothing at all. */
const maxStoppedMs = 5_000;

export class TrainerProcess {
  /** Times that it has been started again. */
  restarts = 0;
  /** Times that it was ended since it gave no sign of life. */
  hangs = 0;
  private readonly options: TrainerProcessOptions;
  private child: ChildProcess | null = null;
  private status: TrainerState = 'starting';
  private backOffMs = firstBackOffMs;
  private readonly timer: NodeJS.Timeout;
  private wasBusy = false;
  private restart: NodeJS.Timeout | null = null;
  private silence = new Silence(4 * tellMs);
  private maxSilenceMs: number;

  constructor(options: TrainerProcessOptions) {
    this.options = options;
    this.maxSilenceMs = options.maxSilenceMs ?? defaultMaxSilenceMs;
    this.timer = setInterval(() => {
      this.tellLoad();
      this.listen();
    }, tellMs);
    this.timer.unref();
    this.start();
  }

  get state(): TrainerState {
    return this.status;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  async close(): Promise<void> {
    this.status = 'stopped';
    clearInterval(this.timer);
    if (this.restart !== null) clearTimeout(this.restart);
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.tell({ kind: 'close' });
    const timer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs);
    await gone;
    clearTimeout(timer);
  }

  private start(): void {
    const entry = this.options.entry ?? fileURLToPath(new URL('../../trainer/main.js', import.meta.url));
    const startedMs = performance.now();
    const child = fork(entry, [JSON.stringify(this.options.trainer)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...this.options.environment },
    });
    this.child = child;
    this.silence = new Silence(4 * tellMs);
    child.on('message', (message: FromTrainer) => {
      this.silence.heard();
      if (message.kind === 'alive') return;
      if (message.kind === 'log') this.options.log(message.message);
      else if (message.kind === 'training') this.options.onTraining(message.isTraining);
      else if (this.status !== 'stopped') this.status = 'ready';
    });
    child.once('error', (error) => this.options.log(`the trainer cannot start: ${error.message}`));
    child.once('exit', (code, signal) => {
      this.child = null;
      this.options.onTraining(false);
      if (this.status === 'stopped') return;
      if (performance.now() - startedMs > healthyMs) this.backOffMs = firstBackOffMs;
      this.options.log(`the trainer ended with ${signal ?? `code ${code}`}; it is started again`);
      this.status = 'restarting';
      this.restart = setTimeout(() => {
        this.restarts++;
        this.start();
      }, this.backOffMs);
      this.backOffMs = Math.min(maxBackOffMs, 2 * this.backOffMs);
    });
  }

  /** What it had begun goes on with the next one, as if it had died by itself. */
  private listen(): void {
    const { child, silence } = this;
    if (child === null) return;
    const silentMs = silence.look(performance.now());
    const isLong = silentMs >= this.maxSilenceMs;
    if (!isLong && (silentMs < maxStoppedMs || child.pid === undefined || isStopped(child.pid) !== true))
      return;
    silence.heard();
    this.hangs++;
    if (isLong) this.maxSilenceMs = Math.min(maxMaxSilenceMs, 2 * this.maxSilenceMs);
    this.options.log(`no sign of life for ${Math.round(silentMs / 1000)} s; it is ended`);
    child.kill('SIGKILL');
  }

  /** Silence means that there is nothing to wait for. */
  private tellLoad(): void {
    const isBusy = this.options.isBusy();
    if (isBusy || this.wasBusy) this.tell({ kind: 'load', isBusy });
    this.wasBusy = isBusy;
  }

  private tell(message: ToTrainer): void {
    if (this.child?.connected) this.child.send(message, () => {});
  }
}
