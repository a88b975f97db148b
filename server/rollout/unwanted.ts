/** Which versions are not wanted any more: what has learned rows that were undone, and what was taken back. */
import { MillraceError } from '../../core/errors.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import type { TenantAliases, Tenants } from '../../core/registry/aliases.ts';
import { chainOf, cleanAncestor } from '../../core/registry/lineage.ts';
import { undone } from './alias-moves.ts';

/** Reads the lineage of versions in one folder. */
export class Unwanted {
  private readonly adapters: string;

  constructor(adapters: string) {
    this.adapters = adapters;
  }

  /** Whether a version is of the base, has learned nothing that was undone, and builds on nothing that was taken back. */
  async isWanted(
    adapter: string,
    base: string | null,
    { rolledBack, undone }: TenantAliases,
  ): Promise<boolean> {
    const unwanted = new Set([...rolledBack, ...undone]);
    const chain = await chainOf(this.adapters, adapter);
    if (chain[0]!.base !== base) return false;
    return !chain.some(({ id, rows }) => unwanted.has(id) || rows.some((row) => unwanted.has(row)));
  }

  /** Throws version_not_found for a version that has learned what was undone. */
  async refuse({ undone: rows }: TenantAliases, adapter: string | null): Promise<void> {
    if (rows.length === 0 || adapter === null) return;
    const chain = await chainOf(this.adapters, adapter);
    if (chain.some(hasOneOf(rows))) throw new MillraceError('version_not_found', { version: adapter });
  }

  /** Nothing of what is left has learned one of the rows. */
  async without(aliases: TenantAliases, rows: readonly string[]): Promise<TenantAliases> {
    if (rows.length === 0) return aliases;
    const isDoomed = hasOneOf(rows);
    const { stable, canary, shadow, previous } = aliases;
    const dirty = new Set<string>();
    let clean: string | null = null;
    for (const id of new Set([stable, canary?.adapter ?? null, shadow, ...previous])) {
      // What cannot be read counts as if it were in it.
      const chain = await chainOf(this.adapters, id).catch(() => null);
      if (id !== null && (chain === null || chain.some(isDoomed))) dirty.add(id);
      if (id === stable) clean = cleanAncestor(chain ?? [], isDoomed);
    }
    return undone(aliases, rows, { stable: clean, isDirty: (id) => dirty.has(id) });
  }

  /** Of each tenant, what is left of it without what was undone since. */
  async withoutUndone(tenants: Tenants): Promise<Tenants> {
    const clean: Record<string, TenantAliases> = {};
    for (const [tenant, aliases] of Object.entries(tenants))
      clean[tenant] = await this.without(aliases, aliases.undone);
    return clean;
  }
}

function hasOneOf(rows: readonly string[]): (manifest: AdapterManifest) => boolean {
  const doomed = new Set(rows);
  return (manifest) => manifest.rows.some((row) => doomed.has(row));
}
