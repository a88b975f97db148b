/**
 * The quality that units were given in ratings, as sums, from which a unit's old mean can be taken when a further rating
 * changes it. Sums do, since all values lie in [-1, 1].
 */
import type { PairMoments } from '../../../core/stats/cuped.ts';
import { type Moments, mergeMoments } from '../../../core/stats/summary.ts';
import type { UnitEntry } from './unit-table.ts';

/** Over units; x is what a unit's user gave before, y the mean of the unit's ratings. */
export interface PairSums {
  count: number;
  x: number;
  y: number;
  xx: number;
  yy: number;
  xy: number;
}

export interface QualitySums {
  /** Units of whose user an earlier quality is known. */
  readonly known: PairSums;
  /** The others; x is 0. */
  readonly unknown: PairSums;
}

const noSums = (): PairSums => ({ count: 0, x: 0, y: 0, xx: 0, yy: 0, xy: 0 });
export const noQuality = (): QualitySums => ({ known: noSums(), unknown: noSums() });

/** Less is rounding. */
const minVariance = 1e-12;

/** One more rating of a unit: its mean in the sums, and the entry, become the new ones. */
export function addRating(sums: QualitySums, entry: UnitEntry, value: number, earlier: number | null): void {
  if (entry.ratings === 0) entry.earlier = earlier;
  const side = entry.earlier === null ? sums.unknown : sums.known;
  const x = entry.earlier ?? 0;
  if (entry.ratings > 0) addTo(side, x, entry.quality / entry.ratings, -1);
  entry.quality += value;
  entry.ratings += 1;
  addTo(side, x, entry.quality / entry.ratings, 1);
}

function addTo(sums: PairSums, x: number, y: number, weight: 1 | -1): void {
  sums.count += weight;
  sums.x += weight * x;
  sums.y += weight * y;
  sums.xx += weight * x * x;
  sums.yy += weight * y * y;
  sums.xy += weight * x * y;
}

/** What was seen before weighs `factor` of what it did; `other` is added as it is. */
export function blend(sums: QualitySums, factor: number, other: QualitySums = noQuality()): QualitySums {
  const one = (a: PairSums, b: PairSums): PairSums => ({
    count: factor * a.count + b.count,
    x: factor * a.x + b.x,
    y: factor * a.y + b.y,
    xx: factor * a.xx + b.xx,
    yy: factor * a.yy + b.yy,
    xy: factor * a.xy + b.xy,
  });
  return { known: one(sums.known, other.known), unknown: one(sums.unknown, other.unknown) };
}

export const numRated = ({ known, unknown }: QualitySums): number => known.count + unknown.count;

/** Of the units' qualities, without regard to what was before. */
export const qualityMoments = ({ known, unknown }: QualitySums): Moments =>
  mergeMoments(pairsOf(known).y, pairsOf(unknown).y);

/** Moments of the units on one side. */
export function pairsOf(sums: PairSums): PairMoments {
  const { count } = sums;
  const covariance = (a: number, b: number, ab: number): number =>
    count < 2 ? 0 : (ab - (a * b) / count) / (count - 1);
  const moments = (a: number, aa: number): Moments => {
    const variance = covariance(a, a, aa);
    return { count, mean: count === 0 ? 0 : a / count, variance: variance < minVariance ? 0 : variance };
  };
  return {
    x: moments(sums.x, sums.xx),
    y: moments(sums.y, sums.yy),
    covariance: covariance(sums.x, sums.y, sums.xy),
  };
}
