/**
 * What is kept of a stream of numbers: count, mean and variance, in one pass. Source: Welford (Technometrics 4, 1962); two
 * parts are merged as by Chan, Golub and LeVeque (The American Statistician 37, 1983).
 */
import { invariant } from '../invariant.ts';

/** A plain value, fit to be stored as JSON. */
export interface Moments {
  readonly count: number;
  /** In the unit of the observations; 0 while there are none. */
  readonly mean: number;
  /** Unbiased, over n - 1, in that unit squared; 0 below two observations. */
  readonly variance: number;
}

/** The moments of nothing, to begin with. */
export const noMoments: Moments = { count: 0, mean: 0, variance: 0 };

/** `moments` and one more observation, which must be finite: a single NaN would spoil all later ones. */
export function withValue(moments: Moments, value: number): Moments {
  invariant(Number.isFinite(value), 'an observation is finite');
  const count = moments.count + 1;
  const off = value - moments.mean;
  const mean = moments.mean + off / count;
  if (count === 1) return { count, mean, variance: 0 };
  const squares = moments.variance * (moments.count - 1) + off * (value - mean);
  return { count, mean, variance: squares / moments.count };
}

/** Moments of finite numbers, in any order. */
export function momentsOf(values: Iterable<number>): Moments {
  let moments = noMoments;
  for (const value of values) moments = withValue(moments, value);
  return moments;
}

/** The moments of both streams' observations together. */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const off = b.mean - a.mean;
  const within = a.variance * (a.count - 1) + b.variance * (b.count - 1);
  const between = (off * off * a.count * b.count) / count;
  return { count, mean: a.mean + (off * b.count) / count, variance: (within + between) / (count - 1) };
}
