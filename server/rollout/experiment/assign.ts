/**
 * Which arm a conversation belongs to: a function of its key alone, so that every replica says the same, before and after
 * a restart, and nothing has to be remembered.
 */
import { hash } from 'node:crypto';
import { invariant } from '../../../core/invariant.ts';

/** `stable` is the version in use, `canary` the one that might replace it. */
export type Arm = 'stable' | 'canary';

const numUnits = 2 ** 53;

/**
 * A conversation within an experiment: a whole number in [0, 2⁵³), uniform over keys and independent from one experiment
 * to the next. It is the first 53 bits of SHA-256 of key and experiment, and stands for the key wherever one is kept.
 */
export function unitOf(stickyKey: string, experimentId: string): number {
  // With the length in front, no two pairs of key and experiment are the same text.
  const digest = hash('sha256', `${experimentId.length}:${experimentId}${stickyKey}`, 'buffer');
  return digest.readUInt32BE(0) * 2 ** 21 + (digest.readUInt32BE(4) >>> 11);
}

/** `share` of all units, in [0, 1], are the canary's. When it grows, those that were stay. */
export function armOfUnit(unit: number, share: number): Arm {
  invariant(share >= 0 && share <= 1, 'a share lies in [0, 1]');
  return unit < share * numUnits ? 'canary' : 'stable';
}

/** The arm of whoever has this key. */
export const armOf = (stickyKey: string, experimentId: string, share: number): Arm =>
  armOfUnit(unitOf(stickyKey, experimentId), share);
