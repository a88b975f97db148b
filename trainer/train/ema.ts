/** Exponential moving average of parameters (Polyak and Juditsky 1992), started from the first values it sees. */
import type { Parameters } from './gradient-session.ts';

/** Moves `average` in place towards `values`: average·decay + values·(1 − decay). */
export function average(average: Parameters, values: Parameters, decay: number): void {
  for (const [name, value] of values) {
    const kept = average.get(name)!;
    for (let i = 0; i < value.length; i++) kept[i] = decay * kept[i]! + (1 - decay) * value[i]!;
  }
}

export function copyOf(values: Parameters): Map<string, Float32Array> {
  return new Map([...values].map(([name, value]) => [name, value.slice()]));
}
