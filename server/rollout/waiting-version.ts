/** The rule of champion and challenger: one version is tried out at a time, and of those that come meanwhile the newest waits. */
import type { TenantAliases } from '../../core/registry/aliases.ts';

/** `served` is where it is already what stable or canary points to. */
export type Placement = 'canary' | 'stable' | 'waiting' | 'served';

/** Where a version goes that was published, or whose turn has come. `canaryShare` of 0 serves new versions at once. */
export function placementOf(
  { stable, canary }: Pick<TenantAliases, 'stable' | 'canary'>,
  adapter: string,
  canaryShare: number,
): Placement {
  if (stable === adapter || canary?.adapter === adapter) return 'served';
  if (canary !== null) return 'waiting';
  return canaryShare > 0 ? 'canary' : 'stable';
}

/** Who waits once a version was placed: one that is newer takes the place of one that waited. */
export function waitingAfter(waiting: string | null, adapter: string, placement: Placement): string | null {
  if (placement === 'waiting') return adapter;
  return placement === 'served' && waiting !== adapter ? waiting : null;
}
