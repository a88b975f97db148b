/**
 * Base versions of a model as they may be served: the imported one, and what consolidations made of it. A consolidated
 * one holds a tenant's data in its weights, so that it serves this tenant alone.
 */
import { join } from 'node:path';
import { MillraceError } from '../../core/errors.ts';
import { listBaseVersions } from '../../core/registry/base-versions.ts';
import { chainOf, rowsOf } from '../../core/registry/lineage.ts';
import type { Manifest, MergedAdapter } from '../../core/registry/manifest.ts';
import { readManifest } from '../../core/registry/open-version.ts';

export interface BasesOptions {
  readonly modelsDir: string;
  /** Folder of adapter versions. */
  readonly adapters: string;
  /** Whose requests are answered: that of each API key that may ask for anything. */
  readonly tenants: readonly string[];
}

export interface KnownBase {
  readonly manifest: Manifest;
  /** Lies under the model's name. */
  readonly isImported: boolean;
}

export const mergedInto = ({ source }: Manifest): readonly MergedAdapter[] => source.merged ?? [];

export class Bases {
  private readonly options: BasesOptions;

  constructor(options: BasesOptions) {
    this.options = options;
  }

  /** Newest first; those that are damaged are left out. */
  async list(model: string): Promise<KnownBase[]> {
    const { modelsDir } = this.options;
    const consolidated = await listBaseVersions(modelsDir, model);
    const imported = await readManifest(join(modelsDir, model)).catch(() => null);
    const known = consolidated.map((manifest) => ({ manifest, isImported: false }));
    const all = imported === null ? known : [...known, { manifest: imported, isImported: true }];
    return all.sort((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt));
  }

  /** By its id, as a whole or as responses name it, or "imported". Throws version_not_found. */
  async find(model: string, text: string): Promise<Manifest> {
    const isMeant = ({ manifest: { version }, isImported }: KnownBase): boolean =>
      text === 'imported' ? isImported : version === text || (isShort(text) && version.startsWith(text));
    const found = (await this.list(model)).find(isMeant);
    if (found === undefined) throw new MillraceError('version_not_found', { version: text });
    return found.manifest;
  }

  /** Why a base must not be served; null when nothing is against it. `undoneOf` gives a tenant's undone rows. */
  async objectionTo(
    manifest: Manifest,
    undoneOf: (tenant: string) => readonly string[],
  ): Promise<string | null> {
    for (const { tenant } of mergedInto(manifest)) {
      const stranger = this.options.tenants.find((name) => name !== tenant);
      if (stranger !== undefined) return `it would answer ${stranger} with what ${tenant} has taught`;
      if (await this.holds(manifest, new Set(undoneOf(tenant)))) return 'it holds what was undone';
    }
    return null;
  }

  /** Whether one of the rows is in the weights of a base. What cannot be read counts as if it were. */
  async holds(manifest: Manifest, rows: ReadonlySet<string>): Promise<boolean> {
    if (rows.size === 0) return false;
    for (const { adapter } of mergedInto(manifest)) {
      const chain = await chainOf(this.options.adapters, adapter).catch(() => null);
      if (chain === null || [...rowsOf(chain)].some((row) => rows.has(row))) return true;
    }
    return false;
  }

  /**
   * Where to go when one of the rows is in the weights of `base`: of those that it was made from the newest that holds
   * none of them, at last the imported one. Null when `base` itself may stay. Throws version_not_found.
   */
  async without(model: string, base: string, rows: ReadonlySet<string>): Promise<string | null> {
    const all = await this.list(model);
    const served = all.find(({ manifest }) => manifest.version === base)?.manifest;
    if (served === undefined || !(await this.holds(served, rows))) return null;
    const lineage = mergedInto(served);
    const ancestors = all
      .filter(({ manifest }) => isBeginning(mergedInto(manifest), lineage))
      .sort((a, b) => mergedInto(b.manifest).length - mergedInto(a.manifest).length);
    for (const { manifest } of ancestors) if (!(await this.holds(manifest, rows))) return manifest.version;
    throw new MillraceError('version_not_found', { version: `${model} without the rows` });
  }
}

const isShort = (text: string): boolean => /^sha256:[0-9a-f]{12}$/.test(text);

const isBeginning = (some: readonly MergedAdapter[], all: readonly MergedAdapter[]): boolean =>
  some.length < all.length && some.every(({ adapter }, index) => all[index]!.adapter === adapter);
