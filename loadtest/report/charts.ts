/** Charts of a scenario as inline SVG. Colours and sizes of text come from the page's style sheet. */
import type { FailureKind } from '../failure.ts';
import type { Timeline } from '../timeline.ts';
import { type Axis, linearAxis, percentileAxis, type Span, spanAxis } from './axis.ts';
import { quoted } from './quoted.ts';
import type { Curve } from './result.ts';

const [width, height] = [420, 220];
const plot = { left: 62, right: 16, top: 10, bottom: 30 };
const across: Span = { from: plot.left, to: width - plot.right };
const up: Span = { from: height - plot.bottom, to: plot.top };

export interface NamedCurve {
  readonly name: string;
  readonly curve: Curve;
}

/** Milliseconds over percentiles, one line for each load. Empty where there is nothing to draw. */
export function percentileChart(curves: readonly NamedCurve[]): string {
  const points = curves.flatMap(({ curve }) => curve);
  if (points.length === 0) return '';
  const x = percentileAxis(Math.max(...points.map(([percentile]) => percentile)), across);
  const y = linearAxis(Math.max(...points.map(([, ms]) => ms)), up, msText);
  const lines = curves.map(({ curve }, index) => {
    const path = curve.map(([percentile, ms]) => `${n(x.place(percentile))},${n(y.place(ms))}`).join(' ');
    return `<polyline class="line s${index % 6}" points="${path}"/>`;
  });
  return svg([...grid(x, y), ...lines], height);
}

/** Output tokens per second over time, and below it when each load ran. */
export function tokensChart(timeline: Timeline): string {
  const { tokensPerSecond, bucketSeconds, starts } = timeline;
  const x = timeAxis(timeline);
  const y = linearAxis(Math.max(...tokensPerSecond), up, numberText);
  const corners = tokensPerSecond.flatMap((value, index) =>
    [index, index + 1].map((edge) => `${n(x.place(edge * bucketSeconds))},${n(y.place(value))}`),
  );
  const [first, last] = [n(x.place(0)), n(x.place(tokensPerSecond.length * bucketSeconds))];
  const area = `<polygon class="area s0" points="${first},${up.from} ${corners.join(' ')} ${last},${up.from}"/>`;
  const line = `<polyline class="line s0" points="${corners.join(' ')}"/>`;
  const lanes = Object.entries(starts).flatMap(([name, counts], lane) =>
    laneOf(name, counts, lane, timeline, x),
  );
  return svg([...grid(x, y), area, line, ...lanes], height + 16 * Object.keys(starts).length + 4);
}

/** Time to first token over time: the median of each bucket as a line, its worst as a dot. */
export function ttftChart(timeline: Timeline): string {
  const { ttftP50Ms, ttftMaxMs, bucketSeconds } = timeline;
  const worst = ttftMaxMs.filter((value) => value !== null);
  if (worst.length === 0) return '';
  const x = timeAxis(timeline);
  const y = linearAxis(Math.max(...worst), up, msText);
  const middle = (index: number): string => n(x.place((index + 0.5) * bucketSeconds));
  const dots = ttftMaxMs.flatMap((value, index) =>
    value === null ? [] : [`<circle class="dot s1" cx="${middle(index)}" cy="${n(y.place(value))}" r="3"/>`],
  );
  const path = ttftP50Ms.flatMap((value, index) =>
    value === null ? [] : [`${middle(index)},${n(y.place(value))}`],
  );
  return svg([...grid(x, y), `<polyline class="line s0" points="${path.join(' ')}"/>`, ...dots], height);
}

/** Failures over time, stacked by kind. Empty where there are none. */
export function failuresChart(timeline: Timeline): string {
  const kinds = Object.entries(timeline.failures) as [FailureKind, readonly number[]][];
  if (kinds.length === 0) return '';
  const { bucketSeconds } = timeline;
  const x = timeAxis(timeline);
  const totals = timeline.tokensPerSecond.map((_, index) =>
    kinds.reduce((sum, [, counts]) => sum + counts[index]!, 0),
  );
  const y = linearAxis(Math.max(...totals), up, numberText);
  const below = totals.map(() => 0);
  const bars = kinds.flatMap(([, counts], series) =>
    counts.flatMap((count, index) => {
      if (count === 0) return [];
      const [left, right] = [x.place(index * bucketSeconds), x.place((index + 1) * bucketSeconds)];
      const foot = below[index]!;
      below[index] = foot + count;
      const [top, bottom] = [y.place(foot + count), y.place(foot)];
      const barWidth = Math.max(1, right - left - 1);
      return [
        `<rect class="bar s${series % 6}" x="${n(left)}" y="${n(top)}" width="${n(barWidth)}" height="${n(bottom - top)}"/>`,
      ];
    }),
  );
  return svg([...grid(x, y), ...bars], height);
}

const timeAxis = ({ tokensPerSecond, bucketSeconds }: Timeline): Axis =>
  spanAxis(tokensPerSecond.length * bucketSeconds, across, (seconds) => `${numberText(seconds)} s`);

/** A strip for one load, filled where it sent requests; its name stands to the left of its first one. */
function laneOf(
  name: string,
  counts: readonly number[],
  lane: number,
  { bucketSeconds }: Timeline,
  x: Axis,
): string[] {
  const top = height + 16 * lane;
  const marks = counts.flatMap((count, index) => {
    if (count === 0) return [];
    const left = x.place(index * bucketSeconds);
    const markWidth = x.place((index + 1) * bucketSeconds) - left;
    return [`<rect class="bar s${lane % 6}" x="${n(left)}" y="${top}" width="${n(markWidth)}" height="9"/>`];
  });
  return [
    `<text class="tick lane" x="${plot.left - 6}" y="${top + 8}" text-anchor="end">${quoted(name)}</text>`,
    ...marks,
  ];
}

function grid(x: Axis, y: Axis): string[] {
  const rows = y.ticks.flatMap(({ at, label }) => [
    `<line class="grid" x1="${across.from}" x2="${across.to}" y1="${n(at)}" y2="${n(at)}"/>`,
    `<text class="tick" x="${across.from - 6}" y="${n(at + 4)}" text-anchor="end">${quoted(label)}</text>`,
  ]);
  const columns = x.ticks.map(
    ({ at, label }) =>
      `<text class="tick" x="${n(at)}" y="${up.from + 18}" text-anchor="middle">${quoted(label)}</text>`,
  );
  return [...rows, ...columns];
}

const svg = (parts: readonly string[], tall: number): string =>
  `<svg viewBox="0 0 ${width} ${tall}" role="img">${parts.join('')}</svg>`;

const n = (value: number): string => value.toFixed(1);

const msText = (ms: number): string => (ms >= 1000 ? `${numberText(ms / 1000)} s` : `${numberText(ms)} ms`);

const numberText = (value: number): string => String(Number(value.toPrecision(3)));
