/** Whether something grows: a straight line through what was measured after the warm-up. Pure. */

/** Time in seconds and what was measured then. */
export type Point = readonly [seconds: number, value: number];

export interface Trend {
  /** Measured per hour, by least squares. */
  readonly perHour: number;
  /** Of the fitted line, from its beginning to its end, as a share of the mean. */
  readonly growth: number;
  readonly from: number;
  readonly to: number;
  readonly isFlat: boolean;
}

/** Of the time that was measured, what is left out: caches fill, code is compiled. */
export const warmUpShare = 1 / 3;
/** What a line may grow by and still be called flat; of small numbers, so much in all, which is as good as nothing. */
export const maxGrowth = 0.05;
export const leastGrowth = 2;

/** Null where there are too few points for a line. */
export function trendOf(points: readonly Point[]): Trend | null {
  const last = points.at(-1)?.[0] ?? 0;
  const first = points[0]?.[0] ?? 0;
  const steady = points.filter(([at]) => at >= first + (last - first) * warmUpShare);
  if (steady.length < 3) return null;
  const mean = (index: 0 | 1): number => steady.reduce((sum, point) => sum + point[index], 0) / steady.length;
  const [meanAt, meanValue] = [mean(0), mean(1)];
  const spread = steady.reduce((sum, [at]) => sum + (at - meanAt) ** 2, 0);
  const slope = steady.reduce((sum, [at, value]) => sum + (at - meanAt) * (value - meanValue), 0) / spread;
  const on = (at: number): number => meanValue + slope * (at - meanAt);
  const [from, to] = [on(steady[0]![0]), on(last)];
  const growth = meanValue === 0 ? 0 : (to - from) / meanValue;
  return {
    perHour: slope * 3_600,
    growth,
    from,
    to,
    isFlat: growth <= maxGrowth || to - from <= leastGrowth,
  };
}
