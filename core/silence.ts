/**
 * How long another process has said nothing, in time in which this one could have heard it. Where this one was held up, or the
 * machine slept, no more counts than one look, so that what waits to be read is read first.
 */
export class Silence {
  private readonly maxLookMs: number;
  private silentMs = 0;
  private lookedMs: number | null = null;

  /** Looks come regularly; `maxLookMs` is the most that can lie between two of them while this process runs as it should. */
  constructor(maxLookMs: number) {
    this.maxLookMs = maxLookMs;
  }

  heard(): void {
    this.silentMs = 0;
  }

  /** In milliseconds; `nowMs` is monotonic. */
  look(nowMs: number): number {
    this.silentMs += this.lookedMs === null ? 0 : Math.min(nowMs - this.lookedMs, this.maxLookMs);
    this.lookedMs = nowMs;
    return this.silentMs;
  }
}
