/** What a version of an adapter was built on, and where to go back to when a part of that is no longer wanted. */
import type { AdapterManifest } from './adapter-manifest.ts';
import { readAdapter } from './adapter-store.ts';

/** Longer chains are cut; a consolidation begins a new one long before. */
const maxChain = 10_000;

/** The version and what it was built on, newest first. Throws version_not_found, version_invalid. */
export async function chainOf(folder: string, id: string | null): Promise<AdapterManifest[]> {
  const chain: AdapterManifest[] = [];
  for (let next = id; next !== null && chain.length < maxChain; ) {
    const manifest = await readAdapter(folder, next);
    chain.push(manifest);
    next = manifest.parent;
  }
  return chain;
}

/**
 * The newest version of the chain that has nothing bad below it or in it; null is the base alone. `chain` is newest
 * first, as `chainOf` gives it.
 */
export function cleanAncestor(
  chain: readonly AdapterManifest[],
  isBad: (manifest: AdapterManifest) => boolean,
): string | null {
  const lastBad = chain.findLastIndex(isBad);
  return chain[lastBad + 1]?.id ?? null;
}

/** Rows that all of the chain has learned. */
export const rowsOf = (chain: readonly AdapterManifest[]): Set<string> =>
  new Set(chain.flatMap(({ rows }) => rows));
