/** Which consolidated base versions stay on the disk. */
import { readAdapter } from '../../core/registry/adapter-store.ts';
import { type ModelAliases, readAliases, type TenantAliases } from '../../core/registry/aliases.ts';
import { listBaseVersions, removeBaseVersion } from '../../core/registry/base-versions.ts';

export interface RetainOptions {
  readonly modelsDir: string;
  readonly model: string;
  readonly aliases: string;
  /** Folder of adapter versions. */
  readonly adapters: string;
  /** How many stay, the newest ones. */
  readonly numKept: number;
  /** Stays whatever its age: it was just made, or made again. */
  readonly current: string;
}

/**
 * Removes the oldest beyond `numKept`, but none that is served, or that an adapter was made on which is served or may be
 * gone back to. Returns what was removed. Where the aliases cannot be read, nothing is.
 */
export async function retainNewest(options: RetainOptions): Promise<string[]> {
  const { modelsDir, model, numKept, current } = options;
  const kept = await versionsInUse(options);
  if (kept === null) return [];
  const versions = (await listBaseVersions(modelsDir, model)).map(({ version }) => version);
  const old = versions.filter((version) => version !== current).slice(Math.max(0, numKept - 1));
  const removed = old.filter((version) => !kept.has(version));
  for (const version of removed) await removeBaseVersion(modelsDir, model, version);
  return removed;
}

async function versionsInUse({ aliases, adapters, model }: RetainOptions): Promise<Set<string> | null> {
  const found = await readAliases(aliases).catch(() => null);
  if (found === null) return null;
  const own: ModelAliases | undefined = Object.hasOwn(found.models, model) ? found.models[model] : undefined;
  if (own === undefined) return new Set();
  const inUse = new Set([own.base]);
  for (const id of new Set(Object.values(own.tenants).flatMap(adaptersOf))) {
    // An adapter that is gone cannot be gone back to.
    const manifest = await readAdapter(adapters, id).catch(() => null);
    if (manifest !== null) inUse.add(manifest.base);
  }
  return inUse;
}

const adaptersOf = ({ stable, canary, shadow, previous }: TenantAliases): string[] =>
  [stable, canary?.adapter ?? null, shadow, ...previous].filter((id) => id !== null);
