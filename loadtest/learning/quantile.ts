/** Quantiles of waits of which some never ended: a miss is longer than any wait. */

/** Nearest rank. Null when that one is a miss, or when there are none. */
export function quantileOf(waits: readonly (number | null)[], share: number): number | null {
  const sorted = waits.map((wait) => wait ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return value === undefined || value === Number.POSITIVE_INFINITY ? null : value;
}

/** Share of those that hold; null of none. */
export function shareOf<Item>(items: readonly Item[], holds: (item: Item) => boolean): number | null {
  return items.length === 0 ? null : items.filter(holds).length / items.length;
}
