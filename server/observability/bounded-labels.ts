/** Keeps the number of a label's values within a bound: a metric costs memory for each value, here and in Prometheus. */

/** What all values beyond the bound are called. */
export const otherLabel = 'other';

/** The first values that come keep their names. */
export class FirstLabels {
  private readonly max: number;
  private readonly known = new Set<string>();

  constructor(max: number) {
    this.max = max;
  }

  of(value: string): string {
    if (this.known.has(value)) return value;
    if (this.known.size >= this.max) return otherLabel;
    this.known.add(value);
    return value;
  }
}

/** The values that were used last keep their names; one that makes room is told of, so that its series can go. */
export class LatestLabels {
  private readonly max: number;
  private readonly onEvict: (value: string) => void;
  private readonly known = new Set<string>();
  private latest: string | null = null;

  constructor(max: number, onEvict: (value: string) => void) {
    this.max = max;
    this.onEvict = onEvict;
  }

  of(value: string): string {
    if (value === this.latest) return value;
    this.latest = value;
    this.known.delete(value);
    this.known.add(value);
    if (this.known.size > this.max) {
      const [oldest] = this.known;
      this.known.delete(oldest!);
      this.onEvict(oldest!);
    }
    return value;
  }
}
