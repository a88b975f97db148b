/** The latest latencies, a bounded number, and how a further one compares with them. */
import { quantiles } from '../../../core/stats/quantile.ts';

/** Enough for a 95th percentile: thirteen values lie above it. */
const maxValues = 256;

export class LatencyWindow {
  private readonly values: Float64Array;
  private size = 0;
  private next = 0;

  constructor(state: readonly number[] = [], max = maxValues) {
    this.values = new Float64Array(max);
    for (const value of state.slice(-max)) this.add(value);
  }

  get count(): number {
    return this.size;
  }

  /** In milliseconds; kept to a hundredth. */
  add(valueMs: number): void {
    this.values[this.next] = Math.round(valueMs * 100) / 100;
    this.next = (this.next + 1) % this.values.length;
    this.size = Math.min(this.size + 1, this.values.length);
  }

  /** Whether less than `share`, inside (0, 1), of the values reach this one: at 0.05, it is above their 95th percentile. */
  isSlow(valueMs: number, share: number): boolean {
    const max = share * this.size;
    let above = 0;
    for (let i = 0; i < this.size; i++) if (this.values[i]! >= valueMs && ++above >= max) return false;
    return this.size > 0;
  }

  /** Chance that one more value of the same distribution is slow, by the symmetry of ranks: ⌈share · n⌉ / (n + 1). */
  chanceOfSlow(share: number): number {
    return Math.ceil(share * this.size) / (this.size + 1);
  }

  /** Null while there are no values. */
  get p95Ms(): number | null {
    return quantiles(this.values.subarray(0, this.size), [0.95])?.[0] ?? null;
  }

  /** The oldest first. */
  state(): readonly number[] {
    const start = this.size < this.values.length ? 0 : this.next;
    return Array.from(
      { length: this.size },
      (_, index) => this.values[(start + index) % this.values.length]!,
    );
  }
}
