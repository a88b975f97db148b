/**
 * Line plots as SVG: one series per server, a legend, labelled axes. Places along the x axis are the ranks of the values,
 * so that 1, 4, 16, 64 are equally far apart. Values below zero move the foot of the y axis down.
 */

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const size = { width: 640, height: 400, left: 70, right: 20, top: 40, bottom: 50 };
const colors = ['#1b6ca8', '#c8553d', '#588157', '#7b2d8b', '#8d6b1f'];

/** More names than this along the x axis would run into each other. */
const maxTicks = 14;

export function plotSvg(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const everyTick = Math.ceil(xs.length / maxTicks);
  const top = niceCeiling(Math.max(...points.map(([, y]) => y)));
  const lowest = Math.min(...points.map(([, y]) => y));
  const foot = lowest < 0 ? -niceCeiling(-lowest) : 0;
  const x = (value: number): number =>
    size.left + ((size.width - size.left - size.right) * xs.indexOf(value)) / Math.max(1, xs.length - 1);
  const y = (value: number): number =>
    size.height - size.bottom - ((size.height - size.top - size.bottom) * (value - foot)) / (top - foot);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${size.width / 2}" y="20" text-anchor="middle" font-size="15">${quoted(plot.title)}</text>`,
    ...xs
      .filter((_, index) => index % everyTick === 0)
      .map((value) => tick(x(value), size.height - size.bottom + 16, String(value), 'middle')),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => gridLine(foot + part * (top - foot), y)),
    tick(size.width / 2, size.height - 12, plot.xLabel, 'middle'),
    `<text transform="translate(16 ${size.height / 2}) rotate(-90)" text-anchor="middle">${quoted(plot.yLabel)}</text>`,
    ...plot.series.flatMap((series, index) => drawSeries(series, index, { x, y })),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function gridLine(value: number, y: (value: number) => number): string[] {
  const at = y(value);
  const line = `<line x1="${size.left}" x2="${size.width - size.right}" y1="${at}" y2="${at}" stroke="#ddd"/>`;
  return [line, tick(size.left - 6, at + 4, format(value), 'end')];
}

type Axes = Readonly<Record<'x' | 'y', (value: number) => number>>;

function drawSeries({ name, points }: Series, index: number, { x, y }: Axes): string[] {
  const color = colors[index % colors.length];
  const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...points.map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3" fill="${color}"/>`),
    `<text x="${size.left + 10}" y="${size.top + 16 * (index + 1)}" fill="${color}">${quoted(name)}</text>`,
  ];
}

const tick = (x: number, y: number, text: string, anchor: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${quoted(text)}</text>`;

const format = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

const quoted = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** The next of 1, 2, 5 · 10^k. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return power * [1, 2, 5, 10].find((step) => step * power >= value)!;
}
