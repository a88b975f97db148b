/** How long it takes until another sequence ends while others wait for its slot, whatever it is that makes it so. */

/** Weight of the newest end. */
const smoothing = 0.1;

export class Turnover {
  /** Milliseconds for each sequence; 0 until measured. */
  perSequenceMs = 0;
  /** Since when the end that comes next is waited for; null while nobody waits. */
  private sinceMs: number | null = null;

  /** To be called after each start and each end, with the sequences that ended. */
  observe(
    nowMs: number,
    { isWaitedFor, numEnded }: { readonly isWaitedFor: boolean; readonly numEnded: number },
  ): void {
    if (numEnded > 0 && this.sinceMs !== null) {
      const each = (nowMs - this.sinceMs) / numEnded;
      this.perSequenceMs += (this.perSequenceMs === 0 ? 1 : smoothing) * (each - this.perSequenceMs);
    }
    if (!isWaitedFor) this.sinceMs = null;
    else if (numEnded > 0 || this.sinceMs === null) this.sinceMs = nowMs;
  }
}
