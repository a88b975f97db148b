/** Finds a host that is stopped or starved: no pulse for too long, and it is killed. */
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';
import { pulseMs } from './host-messages.ts';

/** Silence after which a host counts as stopped: several pulses, and well under the second promised. */
const maxSilenceMs = 700;

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
  private lastPulseMs = 0;
  private lastCheckMs = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: WatchdogOptions) {
    this.options = options;
    const pulse = options.pulse as NodeJS.ReadableStream | null;
    pulse?.on('data', () => {
      this.lastPulseMs = this.options.clock.nowMs();
    });
    pulse?.on('error', () => this.stop());
  }

  start(): void {
    this.lastPulseMs = this.lastCheckMs = this.options.clock.nowMs();
    this.timer = setInterval(() => this.check(), pulseMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private check(): void {
    const nowMs = this.options.clock.nowMs();
    // If this process itself was held up, pulses may wait unread: give them a turn first.
    const wasHeldUp = nowMs - this.lastCheckMs > 2 * pulseMs;
    this.lastCheckMs = nowMs;
    if (wasHeldUp) this.lastPulseMs = nowMs;
    if (nowMs - this.lastPulseMs < maxSilenceMs) return;
    this.verdict = `the engine host gave no sign of life for ${Math.round(nowMs - this.lastPulseMs)} ms`;
    this.stop();
    this.options.child.kill('SIGKILL');
  }
}
