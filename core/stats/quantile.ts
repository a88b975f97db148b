/** Quantiles of a bounded batch of measurements, such as a window of latencies: exact, by sorting a copy. */
import { invariant } from '../invariant.ts';

/**
 * One value per probability, each in [0, 1], in the unit of `values`; null when there are none. Between two values it
 * interpolates linearly: type 7 of Hyndman and Fan (The American Statistician 50, 1996), the default of NumPy and R.
 * Throws when a value is NaN.
 */
export function quantiles(values: Float64Array, probabilities: readonly number[]): readonly number[] | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted();
  invariant(!Number.isNaN(sorted.at(-1)), 'what is sorted has an order');
  return probabilities.map((probability) => interpolated(sorted, probability));
}

function interpolated(sorted: Float64Array, probability: number): number {
  invariant(probability >= 0 && probability <= 1, 'a quantile has its probability in [0, 1]');
  const place = probability * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below]!, sorted[Math.ceil(place)]!];
  return low === high ? low : low + (high - low) * (place - below);
}
