/** What every report shows of each load, in one row. */
import { shown } from '../figure.ts';
import type { LoadReport } from './result.ts';

export const columns = [
  { title: 'requests', path: 'requests' },
  { title: 'failed', path: 'failed' },
  { title: 'refused', path: 'refused.share' },
  { title: 'tokens', path: 'tokensPerSecond' },
  { title: 'goodput', path: 'goodput' },
  { title: 'TTFT p50', path: 'ttft.p50' },
  { title: 'TTFT p99', path: 'ttft.p99' },
  { title: 'between p50', path: 'interToken.p50' },
  { title: 'between p99', path: 'interToken.p99' },
  { title: 'whole p50', path: 'latency.p50' },
  { title: 'whole p99', path: 'latency.p99' },
] as const;

/** A cell for each column; a dash where nothing was measured. */
export function rowOf({ figures }: LoadReport): string[] {
  return columns.map(({ path }) => {
    const figure = figures.find((each) => each.path === path);
    return figure === undefined || figure.value === null ? '–' : shown(figure);
  });
}
