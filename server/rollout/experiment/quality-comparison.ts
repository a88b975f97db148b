/** Compares the quality of two arms, unit by unit, at any number of looks. */
import { type Arms, type Interval, intervalAround } from '../../../core/stats/arms.ts';
import { cupedArms } from '../../../core/stats/cuped.ts';
import { sequentialTest } from '../../../core/stats/sequential.ts';
import { mergeMoments } from '../../../core/stats/summary.ts';
import { pairsOf, type QualitySums, qualityMoments } from './quality-sums.ts';

/** Fewer pairs in an arm do not tell how far the past predicts: two always lie on a line. */
const minPairs = 30;

/** To be compared. Where enough units have a past, what it predicts of their quality is taken out. */
export function comparableQuality({ control, treatment }: Arms<QualitySums>): Arms {
  if (Math.min(control.known.count, treatment.known.count) < minPairs)
    return { control: qualityMoments(control), treatment: qualityMoments(treatment) };
  const adjusted = cupedArms({ control: pairsOf(control.known), treatment: pairsOf(treatment.known) });
  return {
    control: mergeMoments(adjusted.control, pairsOf(control.unknown).y),
    treatment: mergeMoments(adjusted.treatment, pairsOf(treatment.unknown).y),
  };
}

/** All that a difference of qualities can be. */
export const anyDifference: Interval = intervalAround(0, 2);

/**
 * What is left of `interval` for the difference of mean quality, treatment less control, after another look: the truth lies
 * in the intervals of all looks with probability 1 - alpha, hence in what they share.
 */
export function narrowed(
  interval: Interval,
  sums: Arms<QualitySums>,
  options: { readonly alpha: number; readonly minPerArm: number },
): Interval {
  const seen = sequentialTest(comparableQuality(sums), { ...options, better: 'higher' }).interval;
  if (seen === null) return interval;
  return { lower: Math.max(interval.lower, seen.lower), upper: Math.min(interval.upper, seen.upper) };
}
