/** What each step of a job learns from: a function of the seed and the step's number, so that a job can go on anywhere. */
import type { Hyperparameters } from '../../core/jobs/job.ts';
import { createRng } from '../../core/rng.ts';

/**
 * Numbers where "auto" was asked for: a few examples are seen often, many are seen three times, and a batch grows with
 * their number.
 */
export function chosen(asked: Hyperparameters, numExamples: number): Hyperparameters<never> {
  const or = (value: number | 'auto', automatic: number): number => (value === 'auto' ? automatic : value);
  return {
    numEpochs: or(asked.numEpochs, clamp(Math.ceil(100 / numExamples), 3, 10)),
    batchSize: Math.min(numExamples, or(asked.batchSize, clamp(Math.floor(numExamples / 16), 1, 8))),
    rateMultiplier: or(asked.rateMultiplier, 1),
    beta: or(asked.beta, 0.1),
  };
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

export interface PlanOptions {
  readonly numExamples: number;
  readonly batchSize: number;
  readonly numEpochs: number;
  readonly seed: number;
}

/** Every example once in each epoch, in an order of the epoch's own; the last batch of an epoch may be smaller. */
export class StepPlan {
  private readonly options: PlanOptions;
  private readonly perEpoch: number;
  private order: { readonly epoch: number; readonly indices: readonly number[] } | null = null;

  constructor(options: PlanOptions) {
    this.options = options;
    this.perEpoch = Math.ceil(options.numExamples / options.batchSize);
  }

  get numSteps(): number {
    return this.perEpoch * this.options.numEpochs;
  }

  /** Indices of the examples of a step; steps count from 0. */
  batch(step: number): readonly number[] {
    const { batchSize } = this.options;
    const start = (step % this.perEpoch) * batchSize;
    return this.shuffled(Math.floor(step / this.perEpoch)).slice(start, start + batchSize);
  }

  private shuffled(epoch: number): readonly number[] {
    if (this.order?.epoch === epoch) return this.order.indices;
    const { numExamples, seed } = this.options;
    const rng = createRng((seed + Math.imul(epoch + 1, 0x85ebca6b)) >>> 0);
    const indices = Array.from({ length: numExamples }, (_, index) => index);
    for (let left = numExamples; left > 1; left--) {
      const other = Math.floor(rng.next() * left);
      [indices[left - 1], indices[other]] = [indices[other]!, indices[left - 1]!];
    }
    this.order = { epoch, indices };
    return indices;
  }
}
