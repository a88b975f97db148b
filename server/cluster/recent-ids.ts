/** Tells what came before, of the ids that came last. */
export class RecentIds {
  private readonly max: number;
  private readonly seen: Set<string>;

  /** `known` are those of before, the oldest first. */
  constructor(max: number, known: Iterable<string> = []) {
    this.max = max;
    this.seen = new Set(known);
  }

  /** False for an id that came before. */
  add(id: string): boolean {
    if (this.seen.has(id)) return false;
    this.seen.add(id);
    if (this.seen.size > this.max) this.seen.delete(this.seen.values().next().value!);
    return true;
  }

  /** The oldest first. */
  ids(): string[] {
    return [...this.seen];
  }
}
