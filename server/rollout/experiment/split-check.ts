/** Whether units came to the arms as they were to be split. Holds only counts. */
import { sampleRatioTest } from '../../../core/stats/sample-ratio.ts';
import type { Arm } from './assign.ts';

export interface SplitState {
  readonly stable: number;
  readonly canary: number;
  /** Sum of the canary's share at each unit's arrival. */
  readonly expected: number;
  /** The smallest at any look. */
  readonly pValue: number;
}

export const noSplit: SplitState = { stable: 0, canary: 0, expected: 0, pValue: 1 };

/** p-value below which a split is broken: the usual one, see core/stats/sample-ratio.ts. */
const threshold = 0.001;
/**
 * It is looked at when the number of units is a power of two, from the first to the last of these: five looks, so that a
 * right split is called broken with a chance of at most 0.005. Beyond, units would be counted twice that the table forgot.
 */
const firstLook = 64;
export const lastLook = 1024;

export const isSplitBroken = ({ pValue }: SplitState): boolean => pValue < threshold;

/** A unit was seen for the first time, when the canary's share was `share`. */
export function withUnit(split: SplitState, arm: Arm, share: number): SplitState {
  if (split.stable + split.canary >= lastLook) return split;
  const isCanary = arm === 'canary' ? 1 : 0;
  const next = {
    stable: split.stable + 1 - isCanary,
    canary: split.canary + isCanary,
    expected: split.expected + share,
    pValue: split.pValue,
  };
  const total = next.stable + next.canary;
  const isPowerOfTwo = (total & (total - 1)) === 0;
  if (total < firstLook || !isPowerOfTwo) return next;
  const result = sampleRatioTest([next.stable, next.canary], [total - next.expected, next.expected]);
  return { ...next, pValue: Math.min(next.pValue, result?.pValue ?? 1) };
}
