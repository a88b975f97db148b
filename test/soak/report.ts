/** What a soak has found, for people, as JSON and as plots. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotSvg } from '../../loadtest/plot.ts';
import type { Sample } from './sample.ts';
import { leastGrowth, maxGrowth, type Point, trendOf, warmUpShare } from './trend.ts';

export interface Soaked {
  readonly folder: string;
  readonly minutes: number;
  readonly samples: readonly { readonly seconds: number; readonly sample: Sample }[];
  /** Requests by ending, and moves of aliases by answer. */
  readonly endings: Readonly<Record<string, number>>;
  readonly swaps: Readonly<Record<string, number>>;
  /** That the server ended with. */
  readonly code: number | null;
  readonly print: (line: string) => void;
}

/** Plotted together: what is measured alike. */
const plots = [
  { file: 'resident.svg', title: 'Resident memory', yLabel: 'MB', names: / resident, MB$/ },
  {
    file: 'descriptors.svg',
    title: 'Open descriptors and handles',
    yLabel: 'number',
    names: / (descriptors|handles)$/,
  },
  { file: 'lag.svg', title: 'Event loop lag of the gateway', yLabel: 'ms', names: /lag/ },
];
/** What has ended as nobody wants it. */
const failed = new Set(['broken', 'hung', 'wrong', 'failed']);
const maxPoints = 120;

/** Whether nothing grows and nothing failed. */
export function report({ folder, minutes, samples, endings, swaps, code, print }: Soaked): boolean {
  const names = [...new Set(samples.flatMap(({ sample }) => Object.keys(sample)))];
  const pointsOf = (name: string): Point[] =>
    samples.flatMap(({ seconds, sample }) => (name in sample ? [[seconds, sample[name]!] as const] : []));
  const trends = Object.fromEntries(names.map((name) => [name, trendOf(pointsOf(name))]));
  const growing = names.filter((name) => isHeld(name) && trends[name]?.isFlat === false);
  const failures = Object.entries(endings).filter(([name]) => failed.has(name) || name.startsWith('refused'));
  print(`${minutes} minutes, requests ${JSON.stringify(endings)}, moves ${JSON.stringify(swaps)}`);
  for (const name of names) {
    const trend = trends[name];
    if (trend === null || trend === undefined) continue;
    const { from, to, perHour, growth, isFlat } = trend;
    const judged = isHeld(name) ? (isFlat ? 'flat' : 'GROWS') : 'not judged';
    const line = `${from.toFixed(1)} to ${to.toFixed(1)} (${(100 * growth).toFixed(1)} %, ${perHour.toFixed(2)} an hour)`;
    print(`  ${name.padEnd(26)} ${line}: ${judged}`);
  }
  mkdirSync(folder, { recursive: true });
  const criterion = { warmUpShare, maxGrowth, leastGrowth };
  const result = { minutes, criterion, endings, swaps, exitCode: code, trends, samples };
  writeFileSync(join(folder, 'soak.json'), `${JSON.stringify(result)}\n`);
  const every = Math.ceil(samples.length / maxPoints);
  for (const { file, title, yLabel, names: pattern } of plots) {
    const series = names
      .filter((name) => pattern.test(name))
      .map((name) => ({
        name,
        points: pointsOf(name)
          .filter((_, index) => index % every === 0)
          .map(([seconds, value]) => [Number((seconds / 60).toFixed(1)), value] as const),
      }));
    writeFileSync(join(folder, file), plotSvg({ title, xLabel: 'minutes', yLabel, series }));
  }
  return growing.length === 0 && failures.length === 0 && code === 0;
}

/** Lag is a reading of the machine as much as of the server: it is shown, and its growth is no leak. */
const isHeld = (name: string): boolean => !name.includes('lag');
