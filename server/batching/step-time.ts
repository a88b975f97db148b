/**
 * Predicts how long a step takes: ms = w · [1, decode rows, chunk tokens, cache rows, chunk context], fitted online
 * by a Kalman filter (Anderson and Moore, Optimal Filtering, ch. 3). The weights wander around an anchor, what was
 * measured at the start: without it, weights of work that is not seen for a while would lose all ground. What slows a
 * machine down slows all kinds of work down, which is why the prior covariance is mostly one of a common factor.
 */

export interface StepShape {
  readonly decodeRows: number;
  readonly chunkTokens: number;
  /** Rows of the cache that are brought in: the lengths of the decoding sequences and of the chunk's. */
  readonly cacheRows: number;
  /** Products with cached rows that the chunk takes: its tokens times their mean length. */
  readonly chunkContext: number;
}

/** An observation further than this many standard deviations from its prediction is a hiccup, and clipped. */
const maxDeviations = 3;
/** Standard deviation of a step's time, relative to the time: what a busy machine showed. */
const noise = 0.1;
/** What is left of a deviation from the anchor after one step: half of it is gone after 140 steps. */
const persistence = 0.995;
/** Relative standard deviations around the anchor, before and after a measurement of this machine. */
const guessed = { common: 3, own: 2 };
const measured = { common: 0.5, own: 0.2 };
/** Milliseconds for the features' units; of the order of a small model's. */
const guess = [5, 0.7, 0.4, 2, 0.4];
const size = guess.length;

export class StepTimeModel {
  private weights = [...guess];
  private anchorWeights = [...guess];
  private prior = priorOf(guess, guessed);
  private covariance = [...this.prior];
  private isAnchored = false;

  /** Milliseconds, at least 0.05. */
  predictMs(shape: StepShape): number {
    return Math.max(0.05, dot(this.weights, features(shape)));
  }

  observe(shape: StepShape, tookMs: number): void {
    const x = features(shape);
    const predicted = this.predictMs(shape);
    const projected = x.map((_, row) => dot(this.covariance.slice(row * size, (row + 1) * size), x));
    const variance = dot(projected, x) + (noise * predicted) ** 2;
    const most = maxDeviations * Math.sqrt(variance);
    const error = Math.max(-most, Math.min(most, tookMs - predicted));
    for (let i = 0; i < size; i++) {
      // More work never makes a step shorter.
      this.weights[i] = Math.max(0, this.weights[i]! + (projected[i]! / variance) * error);
      for (let j = 0; j < size; j++) {
        this.covariance[i * size + j]! -= (projected[i]! * projected[j]!) / variance;
      }
    }
    if (this.isAnchored) this.wander();
  }

  /** Takes what has been learned so far for this machine's normal speed. */
  anchor(): void {
    this.isAnchored = true;
    this.anchorWeights = this.weights.map((weight, index) => Math.max(weight, guess[index]! * 1e-3));
    this.prior = priorOf(this.anchorWeights, measured);
    this.covariance = [...this.prior];
  }

  /** The most chunk tokens that keep the step within `budgetMs`; may be negative. */
  chunkWithin(budgetMs: number, decodeShape: StepShape, chunkStart: number): number {
    const perToken = this.weights[2]! + (this.weights[4]! * chunkStart) / 1000;
    const fixedMs = this.predictMs(decodeShape) + (this.weights[3]! * chunkStart) / 1000;
    return Math.floor((budgetMs - fixedMs) / Math.max(perToken, 1e-3));
  }

  private wander(): void {
    const kept = persistence ** 2;
    for (let i = 0; i < size; i++) {
      const anchor = this.anchorWeights[i]!;
      this.weights[i] = anchor + persistence * (this.weights[i]! - anchor);
    }
    for (let i = 0; i < size * size; i++) {
      this.covariance[i] = kept * this.covariance[i]! + (1 - kept) * this.prior[i]!;
    }
  }
}

function priorOf(weights: readonly number[], deviation: { common: number; own: number }): number[] {
  return weights.flatMap((a, i) =>
    weights.map((b, j) => a * b * (deviation.common ** 2 + (i === j ? deviation.own ** 2 : 0))),
  );
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

function features({ decodeRows, chunkTokens, cacheRows, chunkContext }: StepShape): number[] {
  return [1, decodeRows, chunkTokens, cacheRows / 1000, chunkContext / 1000];
}
