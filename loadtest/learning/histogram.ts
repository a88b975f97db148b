/** A histogram of waits as a plot: bins whose ends grow by half, since waits span orders of magnitude. */
import { plotSvg } from '../plot.ts';

export interface Histogram {
  readonly title: string;
  readonly xLabel: string;
  /** Milliseconds; a miss is not drawn but named. */
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

const [firstEndMs, growth, maxBins] = [100, 1.5, 24];

export function histogramSvg({ title, xLabel, series }: Histogram): string {
  const longest = Math.max(
    firstEndMs,
    ...series.flatMap(({ values }) => values.filter((value) => value !== null)),
  );
  const numBins = Math.min(maxBins, 1 + Math.ceil(Math.log(longest / firstEndMs) / Math.log(growth)));
  const ends = Array.from({ length: numBins }, (_, bin) => firstEndMs * growth ** bin);
  return plotSvg({
    title,
    xLabel: `${xLabel}, at most`,
    yLabel: 'corrections',
    series: series.map(({ name, values }) => {
      const numMissed = values.filter((value) => value === null).length;
      const counts = countsOf(values, ends);
      return {
        name: numMissed === 0 ? name : `${name} (${numMissed} never)`,
        points: ends.map((end, bin) => [Number((end / 1000).toPrecision(2)), counts[bin]!] as const),
      };
    }),
  });
}

function countsOf(values: readonly (number | null)[], ends: readonly number[]): number[] {
  const counts = ends.map(() => 0);
  for (const value of values) {
    if (value === null) continue;
    const bin = ends.findIndex((end) => value <= end);
    counts[bin < 0 ? ends.length - 1 : bin]! += 1;
  }
  return counts;
}
