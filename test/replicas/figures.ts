/** What was measured, and what should have held and did not. Pure. */
import { quantiles } from '../../core/stats/quantile.ts';
import { contradictions } from '../chaos/check-requests.ts';
import { mixedVersions } from '../chaos/ending.ts';
import type { Noted } from '../chaos/traffic.ts';

export interface Measured {
  readonly name: string;
  /** By name, with the unit last where there is one: "exit.max.ms". Null where there was nothing to measure. */
  readonly figures: Readonly<Record<string, number | null>>;
  /** A sentence each. */
  readonly broken: readonly string[];
}

const mostShown = 10;

export const isFailed = ({ ending }: Noted): boolean => ending.kind !== 'answer';

/** It had begun to come, and broke off. */
export const isCut = ({ heard, ending }: Noted): boolean =>
  heard.status === 200 && (ending.kind === 'broken' || ending.kind === 'failed');

export const isMixed = ({ ending }: Noted): boolean =>
  ending.kind === 'wrong' && ending.reason === mixedVersions;

export const textOf = ({ what, gateway, heard, ending }: Noted): string => {
  const { kind, ...more } = ending;
  const times = `${Math.round(heard.startMs)} to ${Math.round(heard.endMs)} ms`;
  return `${what}${gateway === '' ? '' : ` to ${gateway}`}, ${times}: ${kind} ${JSON.stringify(more)}`;
};

export const greatest = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.max(...values);

/** 0.99 for the 99th percentile. */
export const quantile = (values: readonly number[], share: number): number | null =>
  quantiles(Float64Array.from(values), [share])?.[0] ?? null;

/** Of all requests of a load. */
export function figuresOf(noted: readonly Noted[]): Measured['figures'] {
  const answered = noted.filter((each) => !isFailed(each) && each.what !== 'feedback');
  const tookMs = answered.map(({ heard }) => heard.endMs - heard.startMs);
  return {
    requests: noted.length,
    streams: noted.filter(({ what }) => what.startsWith('stream')).length,
    corrections: noted.filter(({ what }) => what === 'feedback').length,
    failed: noted.filter(isFailed).length,
    'cut.streams': noted.filter(isCut).length,
    'mixed.answers': noted.filter(isMixed).length,
    'contradicting.answers': contradictions(noted).length,
    'latency.p50.ms': quantile(tookMs, 0.5),
    'latency.p99.ms': quantile(tookMs, 0.99),
  };
}

/** Of a load that nothing may happen to. */
export const failuresOf = (noted: readonly Noted[]): string[] => [
  ...noted.filter(isFailed).slice(0, mostShown).map(textOf),
  ...contradictions(noted).slice(0, mostShown),
];

export function tableOf(all: readonly Measured[]): string {
  const lines = all.flatMap(({ name, figures, broken }) => [
    name,
    ...Object.entries(figures).map(([of, value]) => `  ${of.padEnd(28)} ${shown(value)}`),
    ...broken.map((each) => `  BROKEN: ${each}`),
  ]);
  return lines.join('\n');
}

const shown = (value: number | null): string =>
  value === null ? '-' : String(Number.isInteger(value) ? value : Number(value.toFixed(1)));
