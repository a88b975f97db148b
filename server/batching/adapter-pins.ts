/** Which adapters sequences may use, and how many do: one is dropped when the last sequence that has it ends. */
export class AdapterPins {
  private readonly pins = new Map<string, number>();
  private readonly retired = new Set<string>();
  private readonly drop: (id: string) => void;

  /** `drop` is called once for each retired adapter that nothing uses any more. */
  constructor(drop: (id: string) => void) {
    this.drop = drop;
  }

  /** The adapter is loaded, again perhaps. */
  add(id: string): void {
    this.retired.delete(id);
    if (!this.pins.has(id)) this.pins.set(id, 0);
  }

  /** Whether a new sequence may use it. */
  isUsable(id: string): boolean {
    return this.pins.has(id) && !this.retired.has(id);
  }

  acquire(id: string | null): void {
    if (id !== null) this.pins.set(id, (this.pins.get(id) ?? 0) + 1);
  }

  release(id: string | null): void {
    if (id === null) return;
    this.pins.set(id, this.pins.get(id)! - 1);
    this.dropUnused(id);
  }

  retire(id: string): void {
    if (!this.pins.has(id)) return;
    this.retired.add(id);
    this.dropUnused(id);
  }

  private dropUnused(id: string): void {
    if (!this.retired.has(id) || this.pins.get(id) !== 0) return;
    this.retired.delete(id);
    this.pins.delete(id);
    this.drop(id);
  }
}
