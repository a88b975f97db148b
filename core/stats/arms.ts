/** The two sides of a comparison, and an interval for their difference. A difference is always treatment less control. */
import type { Moments } from './summary.ts';

export interface Arms<T = Moments> {
  /** What is in use: the stable version. */
  readonly control: T;
  /** What might replace it: the canary. */
  readonly treatment: T;
}

/** Both ends belong to it, in the unit of what it is an interval for. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

export const intervalAround = (estimate: number, margin: number): Interval => ({
  lower: estimate - margin,
  upper: estimate + margin,
});

export const meanDifference = ({ control, treatment }: Arms): number => treatment.mean - control.mean;

/** Whether both arms have the two observations without which there is no variance. */
export const haveVariance = ({ control, treatment }: Arms): boolean =>
  control.count >= 2 && treatment.count >= 2;
