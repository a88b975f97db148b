/** A line through what was measured lately, ms = base + slope · work: least squares with exponential forgetting. */

/** What is left of an observation's weight after each further one. */
const decay = 0.85;
/** Spread of work, relative to its mean, under which a slope cannot be told: then the line goes through zero. */
const minSpread = 0.05;

export class LatencyFit {
  private weight = 0;
  private meanWork = 0;
  private meanMs = 0;
  private variance = 0;
  private covariance = 0;

  get isEmpty(): boolean {
    return this.weight === 0;
  }

  observe(work: number, tookMs: number): void {
    this.weight = decay * this.weight + 1;
    const share = 1 / this.weight;
    const [workOff, msOff] = [work - this.meanWork, tookMs - this.meanMs];
    this.meanWork += share * workOff;
    this.meanMs += share * msOff;
    this.variance = (1 - share) * (this.variance + share * workOff * workOff);
    this.covariance = (1 - share) * (this.covariance + share * workOff * msOff);
  }

  predictMs(work: number): number {
    const { base, slope } = this.line();
    return base + slope * work;
  }

  /** The most work that ends within `budgetMs`; infinite while nothing has been seen. */
  workWithin(budgetMs: number): number {
    if (this.isEmpty) return Number.POSITIVE_INFINITY;
    const { base, slope } = this.line();
    return Math.max(0, (budgetMs - base) / slope);
  }

  private line(): { base: number; slope: number } {
    if (this.isEmpty) return { base: 0, slope: 0 };
    const proportional = this.meanMs / this.meanWork;
    const isSpread = Math.sqrt(this.variance) > minSpread * this.meanWork;
    const slope = isSpread ? this.covariance / this.variance : proportional;
    // A base below zero, or work that costs nothing, is noise.
    if (slope <= 0 || slope > proportional) return { base: 0, slope: proportional };
    return { base: this.meanMs - slope * this.meanWork, slope };
  }
}
