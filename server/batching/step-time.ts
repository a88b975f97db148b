/**
 * Predicts how long a step takes: ms = w · [1, decode rows, chunk tokens, context / 1000], fitted online by
 * recursive least squares with exponential forgetting (Haykin, Adaptive Filter Theory, ch. 10).
 */

export interface StepShape {
  readonly decodeRows: number;
  readonly chunkTokens: number;
  /** Cache rows read: Σ over decode rows of their length, plus chunk tokens · their mean length. */
  readonly contextTokens: number;
}

/** Share that an observation keeps after each further one; half of it is gone after 140 steps. */
const forgetting = 0.995;
/** An observation this many times over its prediction is a hiccup of the machine and is clipped to it. */
const maxSurprise = 4;
const size = 4;

export class StepTimeModel {
  private weights = [5, 0.7, 0.4, 0.5];
  /** Inverse correlation matrix, row-major; the prior is loose where work scales and firm elsewhere. */
  private inverse = [10, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.5];

  /** Milliseconds, at least 0.05. */
  predictMs(shape: StepShape): number {
    const x = features(shape);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += this.weights[i]! * x[i]!;
    return Math.max(0.05, sum);
  }

  observe(shape: StepShape, tookMs: number): void {
    const x = features(shape);
    const predicted = this.predictMs(shape);
    const error = Math.min(tookMs, predicted * maxSurprise) - predicted;
    const projected = x.map((_, row) =>
      x.reduce((sum, value, i) => sum + this.inverse[row * size + i]! * value, 0),
    );
    const scale = forgetting + x.reduce((sum, value, i) => sum + value * projected[i]!, 0);
    for (let i = 0; i < size; i++) {
      // More work never makes a step shorter.
      this.weights[i] = Math.max(0, this.weights[i]! + (projected[i]! / scale) * error);
      for (let j = 0; j < size; j++) {
        const updated = (this.inverse[i * size + j]! - (projected[i]! * projected[j]!) / scale) / forgetting;
        this.inverse[i * size + j] = Math.max(-maxInverse, Math.min(maxInverse, updated));
      }
    }
  }

  /** The most chunk tokens that keep the step within `budgetMs`; may be negative. */
  chunkWithin(budgetMs: number, decodeShape: StepShape, meanLength: number): number {
    const perToken = this.weights[2]! + (this.weights[3]! * meanLength) / 1000;
    return Math.floor((budgetMs - this.predictMs(decodeShape)) / Math.max(perToken, 1e-3));
  }
}

/** Bounds wind-up in directions that the load never excites. */
const maxInverse = 100;

function features({ decodeRows, chunkTokens, contextTokens }: StepShape): number[] {
  return [1, decodeRows, chunkTokens, contextTokens / 1000];
}
