/** Times through HDR histograms (Tene): 1 µs to an hour, 3 significant digits, so that a p99.9 is as exact as a median. */
import { build, type Histogram } from 'hdr-histogram-js';

export interface Distribution {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

const maxMicros = 3.6e9;

function histogramOf(valuesMs: readonly number[]): Histogram {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: maxMicros,
    numberOfSignificantValueDigits: 3,
  });
  for (const value of valuesMs) {
    histogram.recordValue(Math.min(maxMicros, Math.max(1, Math.round(value * 1000))));
  }
  return histogram;
}

/** All zero where there are no values; `count` tells. */
export function distribution(valuesMs: readonly number[]): Distribution {
  const histogram = histogramOf(valuesMs);
  const isEmpty = valuesMs.length === 0;
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return {
    count: valuesMs.length,
    meanMs: isEmpty ? 0 : histogram.mean / 1000,
    p50Ms: at(50),
    p90Ms: at(90),
    p95Ms: at(95),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: isEmpty ? 0 : histogram.maxValue / 1000,
  };
}

/** Where curves of percentiles are drawn: evenly spaced in the number of nines. */
const percentiles = [
  0, 10, 25, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96.5, 98, 99, 99.5, 99.8, 99.9,
] as const;

/** Percentile and milliseconds, as far as so many values can tell. */
export function percentileCurve(valuesMs: readonly number[]): (readonly [number, number])[] {
  if (valuesMs.length === 0) return [];
  const histogram = histogramOf(valuesMs);
  const finest = 100 * (1 - 1 / valuesMs.length);
  return percentiles
    .filter((percentile) => percentile <= Math.max(50, finest))
    .map((percentile) => [percentile, histogram.getValueAtPercentile(percentile) / 1000] as const);
}
