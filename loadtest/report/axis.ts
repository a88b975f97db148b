/** Scales of charts: from values to places, with ticks at round values. */

export interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** From zero to a round value that is no less than the largest; `format` writes the ticks. */
export function linearAxis(largest: number, { from, to }: Span, format: (value: number) => string): Axis {
  const step = roundStep(Math.max(largest, 1e-9) / 4);
  const numSteps = Math.max(1, Math.ceil(largest / step - 1e-9));
  const top = numSteps * step;
  const place = (value: number): number => from + ((to - from) * value) / top;
  const ticks = Array.from({ length: numSteps + 1 }, (_, index) => index * step);
  return { place, ticks: ticks.map((value) => ({ at: place(value), label: format(value) })) };
}

/** From zero to exactly `end`, with ticks at round values before it. */
export function spanAxis(end: number, { from, to }: Span, format: (value: number) => string): Axis {
  const step = roundStep(end / 5);
  const place = (value: number): number => from + ((to - from) * value) / end;
  const ticks = Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
  return { place, ticks: ticks.map((value) => ({ at: place(value), label: format(value) })) };
}

/** Percentiles, evenly spaced in their number of nines: 0, 90, 99, 99.9. */
export function percentileAxis(finest: number, { from, to }: Span): Axis {
  const nines = (percentile: number): number => -Math.log10(1 - Math.min(percentile, 99.99) / 100);
  const most = Math.max(1, nines(finest));
  const place = (percentile: number): number => from + ((to - from) * nines(percentile)) / most;
  const ticks = [0, 50, 90, 99, 99.9].filter((percentile) => nines(percentile) <= most + 1e-9);
  return {
    place,
    ticks: ticks.map((value) => ({ at: place(value), label: value === 0 ? 'min' : `p${value}` })),
  };
}

/** The least of 1, 2, 5 · 10^k that is not below the value. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9))!;
}
