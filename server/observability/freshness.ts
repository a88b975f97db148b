/** Rows of feedback from when they were received until a version that has learned them serves. Bounded; the oldest go. */

/** Rows that wait. Those beyond, and those of before a restart, are not measured. */
const maxWaiting = 10_000;

export class Freshness {
  /** When each row was received, in milliseconds since 1970. */
  private readonly waiting = new Map<string, number>();

  received(row: string, atMs: number): void {
    this.waiting.set(row, atMs);
    if (this.waiting.size > maxWaiting) this.waiting.delete(this.waiting.keys().next().value!);
  }

  /** How long those of the rows have waited that no version had served before. */
  served(rows: Iterable<string>, atMs: number): number[] {
    const waits: number[] = [];
    for (const row of rows) {
      const receivedMs = this.waiting.get(row);
      if (receivedMs === undefined) continue;
      this.waiting.delete(row);
      waits.push(Math.max(0, atMs - receivedMs));
    }
    return waits;
  }
}
