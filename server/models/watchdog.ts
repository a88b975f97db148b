/** Finds a host that is stopped, or gets no CPU for long: no pulse for too long, and it is killed. */
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';
import { isStopped } from '../../core/process-identity.ts';
import { Silence } from '../../core/silence.ts';
import { pulseMs } from './host-messages.ts';

/** Silence after which a host counts as stopped: several pulses, and well under the second promised. */
const maxSilenceMs = 700;
/** Where the system says that it is not stopped: it waits for a CPU, and another host would wait no less. */
const maxStarvedMs = 5_000;

export interface WatchdogOptions {
  readonly child: ChildProcess;
  readonly clock: Clock;
  /** Where the pulse arrives. */
  readonly pulse: unknown;
}

export class Watchdog {
  /** Why the host was killed; null if it was not. */
  verdict: string | null = null;
  private readonly options: WatchdogOptions;
  private readonly silence = new Silence(2 * pulseMs);
  private timer: NodeJS.Timeout | null = null;

  constructor(options: WatchdogOptions) {
    this.options = options;
    const pulse = options.pulse as NodeJS.ReadableStream | null;
    pulse?.on('data', () => this.silence.heard());
    pulse?.on('error', () => this.stop());
  }

  start(): void {
    this.silence.heard();
    this.timer = setInterval(() => this.check(), pulseMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private check(): void {
    const { child, clock } = this.options;
    const silentMs = this.silence.look(clock.nowMs());
    if (silentMs < maxSilenceMs) return;
    if (silentMs < maxStarvedMs && child.pid !== undefined && isStopped(child.pid) === false) return;
    this.verdict = `the engine host gave no sign of life for ${Math.round(silentMs)} ms`;
    this.stop();
    child.kill('SIGKILL');
  }
}
