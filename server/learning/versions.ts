/** What is known of versions: manifests on disk beside where the aliases stand. */
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { listAdapters, readAdapter } from '../../core/registry/adapter-store.ts';
import type { TenantAliases } from '../../core/registry/aliases.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import type { Rollout } from '../rollout/rollout.ts';

export type VersionStatus = 'stable' | 'canary' | 'shadow' | 'rolled_back' | 'previous' | 'published';

export interface KnownVersion {
  readonly manifest: AdapterManifest;
  readonly status: VersionStatus;
  /** ISO 8601; null when it never was stable. */
  readonly servedSince: string | null;
}

export interface VersionFilter {
  readonly model: string | null;
  readonly tenant: string | null;
}

export class Versions {
  private readonly folder: string;
  private readonly rollout: Pick<Rollout, 'of'>;

  constructor(folder: string, rollout: Pick<Rollout, 'of'>) {
    this.folder = folder;
    this.rollout = rollout;
  }

  /** Newest first; damaged ones are left out. */
  async list({ model, tenant }: VersionFilter): Promise<KnownVersion[]> {
    const manifests: AdapterManifest[] = [];
    for (const id of await listAdapters(this.folder)) {
      const manifest = await readAdapter(this.folder, id).catch(() => null);
      if (manifest === null || manifest.model !== (model ?? manifest.model)) continue;
      if (manifest.tenant === (tenant ?? manifest.tenant)) manifests.push(manifest);
    }
    manifests.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    return manifests.map((manifest) => this.known(manifest));
  }

  /** The version, and what it was built on, newest first. Throws version_not_found, version_invalid. */
  async get(id: string): Promise<{ readonly version: KnownVersion; readonly ancestors: readonly string[] }> {
    const version = this.known(await readAdapter(this.folder, id));
    const chain = await chainOf(this.folder, version.manifest.parent);
    return { version, ancestors: chain.map((manifest) => manifest.id) };
  }

  private known(manifest: AdapterManifest): KnownVersion {
    const aliases = this.rollout.of(manifest.model, manifest.tenant);
    const servedSince = aliases.servedSince[manifest.id] ?? null;
    return { manifest, status: statusOf(manifest.id, aliases), servedSince };
  }
}

function statusOf(
  id: string,
  { stable, canary, shadow, rolledBack, previous }: TenantAliases,
): VersionStatus {
  if (stable === id) return 'stable';
  if (canary?.adapter === id) return 'canary';
  if (shadow === id) return 'shadow';
  if (rolledBack.includes(id)) return 'rolled_back';
  return previous.includes(id) ? 'previous' : 'published';
}
