/** What the log probabilities of a text say. */
import type { Scored } from './forward-session.ts';

/** A token counts as the likeliest one when it misses it by no more than rounding. */
const tolerance = 1e-5;

/** NaN of none. */
export function meanOf(values: Float32Array | readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Whether greedy decoding gives every scored token. */
export const isGreedy = ({ logprobs, best }: Pick<Scored, 'logprobs' | 'best'>): boolean =>
  logprobs.every((value, index) => value >= best[index]! - tolerance);
