/** A measured number with its unit and the path that thresholds name it by. */
import type { Distribution } from './distribution.ts';
import type { Summary } from './summary.ts';

export type Unit = 'ms' | 'share' | 'ratio' | 'perSecond' | 'count';

export interface Figure {
  /** Within its scenario or its load: "ttft.p99". */
  readonly path: string;
  /** Null: there was nothing to measure it on. A threshold on it is missed. */
  readonly value: number | null;
  readonly unit: Unit;
}

const percentiles = ['p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const;

/** Of one load: counts, rates and the percentiles of its times. */
export function figuresOfLoad(summary: Summary): Figure[] {
  const { numOk, numFailed, failures } = summary;
  const total = numOk + numFailed;
  const shareOf = (count: number): number | null => (total === 0 ? null : count / total);
  return [
    { path: 'requests', value: total, unit: 'count' },
    { path: 'failed', value: numFailed, unit: 'count' },
    // Refusals are answers, too; so is our own leaving.
    { path: 'broken', value: numFailed - (failures.refused ?? 0) - (failures.left ?? 0), unit: 'count' },
    { path: 'failed.share', value: shareOf(numFailed), unit: 'share' },
    { path: 'refused.share', value: shareOf(failures.refused ?? 0), unit: 'share' },
    { path: 'requestsPerSecond', value: summary.requestsPerSecond, unit: 'perSecond' },
    { path: 'tokensPerSecond', value: summary.outputTokensPerSecond, unit: 'perSecond' },
    { path: 'goodput', value: summary.goodputPerSecond, unit: 'perSecond' },
    ...timesOf('ttft', summary.ttft),
    ...timesOf('interToken', summary.interToken),
    ...timesOf('tpot', summary.tpot),
    ...timesOf('latency', summary.endToEnd),
    { path: 'late.p99', value: atPercentile(summary.lateness, 'p99'), unit: 'ms' },
  ];
}

function timesOf(path: string, times: Distribution): Figure[] {
  return percentiles.map((name) => ({
    path: `${path}.${name}`,
    value: atPercentile(times, name),
    unit: 'ms',
  }));
}

function atPercentile(times: Distribution, name: (typeof percentiles)[number]): number | null {
  return times.count === 0 ? null : times[`${name}Ms`];
}

/** Null where one is missing or nothing can be divided by. */
export function ratioOf(value: number | null, by: number | null): number | null {
  return value === null || by === null || by === 0 ? null : value / by;
}

export function shown({ value, unit }: Pick<Figure, 'value' | 'unit'>): string {
  if (value === null) return 'not measured';
  if (unit === 'share') return `${digits(100 * value)} %`;
  if (unit === 'ratio') return `${value.toFixed(2)}x`;
  if (unit === 'count') return String(Math.round(value));
  if (unit === 'perSecond') return `${digits(value)}/s`;
  return Math.abs(value) >= 10_000 ? `${digits(value / 1000)} s` : `${digits(value)} ms`;
}

const digits = (value: number): string => {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || size === 0 ? 0 : size >= 1 ? 1 : 2);
};
