/** When a train step may start: serving comes first, but learning is never starved. */

export interface PaceOptions {
  /** A step waits at most this long for a busy server. */
  readonly maxWaitMs: number;
  /** What the server said last counts this long. */
  readonly freshMs: number;
  readonly pollMs: number;
}

export const paceDefaults: PaceOptions = { maxWaitMs: 1_000, freshMs: 1_000, pollMs: 10 };

export class Pace {
  private readonly options: PaceOptions;
  private readonly nowMs: () => number;
  private isBusy = false;
  private toldMs = 0;

  constructor(options: PaceOptions, nowMs: () => number) {
    this.options = options;
    this.nowMs = nowMs;
  }

  /** The server's requests wait longer than they should, or no longer. */
  told(isBusy: boolean): void {
    this.toldMs = this.nowMs();
    this.isBusy = isBusy;
  }

  async wait(): Promise<void> {
    const { maxWaitMs, freshMs, pollMs } = this.options;
    const startedMs = this.nowMs();
    while (this.isBusy) {
      const nowMs = this.nowMs();
      if (nowMs - startedMs >= maxWaitMs || nowMs - this.toldMs >= freshMs) return;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
