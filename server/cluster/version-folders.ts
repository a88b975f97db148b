/** Where versions lie on this replica, and what they say of themselves. */
import { join } from 'node:path';
import { type AdapterManifest, parseAdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import {
  baseFolderName,
  type FileEntry,
  type Manifest,
  parseManifest,
} from '../../core/registry/manifest.ts';
import { baseFolder, readManifest } from '../../core/registry/open-version.ts';
import type { VersionRef } from './version-ref.ts';

export interface VersionFolders {
  /** Of adapter versions. */
  readonly adapters: string;
  readonly modelsDir: string;
}

export interface Located {
  readonly folder: string;
  readonly manifest: AdapterManifest | Manifest;
}

/** Of a version that is here, its files unread. Throws version_not_found, version_invalid. */
export async function locate({ adapters, modelsDir }: VersionFolders, ref: VersionRef): Promise<Located> {
  if (ref.kind === 'adapter')
    return { folder: join(adapters, ref.id), manifest: await readAdapter(adapters, ref.id) };
  const folder = await baseFolder(modelsDir, ref.model, ref.version);
  return { folder, manifest: await readManifest(folder) };
}

/** Where a version that is not here is put, and beside it where it is written until it is whole. */
export function placesOf({ adapters, modelsDir }: VersionFolders, ref: VersionRef) {
  const [parent, name] =
    ref.kind === 'adapter' ? [adapters, ref.id] : [modelsDir, baseFolderName(ref.model, ref.version)];
  return { parent, place: join(parent, name), aside: join(parent, asidePrefix + name) };
}

export const asidePrefix = '.fetching-';

/** A manifest that came from elsewhere, or the reason why it is not that of the version. Its digests are bound to the id. */
export function parseManifestOf(
  ref: VersionRef,
  text: string,
): { readonly files: readonly FileEntry[]; readonly parent: string | null } | { readonly problem: string } {
  if (ref.kind === 'adapter') {
    const manifest = parseAdapterManifest(text);
    if ('problem' in manifest) return manifest;
    return manifest.id === ref.id ? manifest : { problem: `it is that of ${manifest.id}` };
  }
  const manifest = parseManifest(text);
  if ('problem' in manifest) return manifest;
  const isMeant = manifest.version === ref.version && manifest.name === ref.model;
  return isMeant
    ? { files: manifest.files, parent: null }
    : { problem: `it is that of ${manifest.name} ${manifest.version}` };
}
