/** AdamW (Loshchilov and Hutter 2019) on named arrays, with the global gradient norm clipped first. */
import { invariant } from '../../core/invariant.ts';
import type { Parameters } from './gradient-session.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: each step takes lr · weightDecay of a value away. */
  readonly weightDecay: number;
  /** Gradients of a larger norm are scaled down to it; infinite clips nothing. */
  readonly maxGradientNorm: number;
}

export const adamWDefaults: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 1,
};

export interface AdamWState {
  readonly numSteps: number;
  /** First and second moments, by parameter name. */
  readonly first: Parameters;
  readonly second: Parameters;
}

export class AdamW {
  private readonly options: AdamWOptions;
  private numSteps: number;
  private readonly first: Map<string, Float32Array>;
  private readonly second: Map<string, Float32Array>;

  /** Goes on from a state, or from the start. */
  constructor(options: AdamWOptions, state?: AdamWState) {
    this.options = options;
    this.numSteps = state?.numSteps ?? 0;
    this.first = new Map(state?.first);
    this.second = new Map(state?.second);
  }

  get state(): AdamWState {
    return { numSteps: this.numSteps, first: this.first, second: this.second };
  }

  /** Changes `values` in place. Returns the gradient's norm before clipping. */
  step(values: Parameters, gradients: Parameters, learningRate: number): number {
    const { beta1, beta2, maxGradientNorm } = this.options;
    const norm = normOf(gradients);
    invariant(Number.isFinite(norm), 'gradients are finite');
    const clip = norm > maxGradientNorm ? maxGradientNorm / norm : 1;
    this.numSteps++;
    const corrections = { first: 1 - beta1 ** this.numSteps, second: 1 - beta2 ** this.numSteps };
    for (const [name, gradient] of gradients) {
      const value = values.get(name)!;
      const moments = { first: slot(this.first, name, value), second: slot(this.second, name, value) };
      this.update(value, gradient, moments, { learningRate, clip, ...corrections });
    }
    return norm;
  }

  private update(
    value: Float32Array,
    gradient: Float32Array,
    moments: { readonly first: Float32Array; readonly second: Float32Array },
    by: { learningRate: number; clip: number; first: number; second: number },
  ): void {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const kept = 1 - by.learningRate * weightDecay;
    const rate = by.learningRate / by.first;
    for (let i = 0; i < value.length; i++) {
      const g = gradient[i]! * by.clip;
      const m = (moments.first[i] = beta1 * moments.first[i]! + (1 - beta1) * g);
      const v = (moments.second[i] = beta2 * moments.second[i]! + (1 - beta2) * g * g);
      value[i] = value[i]! * kept - (rate * m) / (Math.sqrt(v / by.second) + epsilon);
    }
  }
}

/** Euclidean norm over all arrays together. */
export function normOf(arrays: Parameters): number {
  let sum = 0;
  for (const array of arrays.values()) for (let i = 0; i < array.length; i++) sum += array[i]! * array[i]!;
  return Math.sqrt(sum);
}

function slot(moments: Map<string, Float32Array>, name: string, like: Float32Array): Float32Array {
  let found = moments.get(name);
  if (found === undefined) {
    found = new Float32Array(like.length);
    moments.set(name, found);
  }
  return found;
}
