/**
 * Versions of adapters on disk, one folder each, named by their content and never changed: written aside, synced, and
 * there with one rename. Whoever uses one checks every digest first.
 */
import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { readIfThere } from '../read-if-there.ts';
import { sync } from '../sync.ts';
import {
  type AdapterLineage,
  type AdapterManifest,
  adapterFormat,
  adapterIdOf,
  isAdapterId,
  parseAdapterManifest,
} from './adapter-manifest.ts';
import { manifestFile } from './manifest.ts';
import { checkFile } from './open-version.ts';
import { listFiles } from './publish.ts';
import { sweepLeftovers } from './sweep-leftovers.ts';

const asidePrefix = '.writing-';

export interface AdapterFiles {
  readonly [name: string]: Uint8Array;
}

/** Returns the manifest of what now lies at `<folder>/<id>`. Equal contents of equal origin are one version. */
export async function publishAdapter(
  folder: string,
  files: AdapterFiles,
  lineage: AdapterLineage,
  now: Date,
): Promise<AdapterManifest> {
  const aside = join(folder, `${asidePrefix}${process.pid}-${now.getTime()}`);
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  try {
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(aside, name), bytes);
    const entries = await listFiles(aside);
    const id = adapterIdOf(entries, lineage);
    const manifest: AdapterManifest = {
      format: adapterFormat,
      id,
      createdAt: now.toISOString(),
      ...lineage,
      files: entries,
    };
    await writeFile(join(aside, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    await sync(aside);
    const place = join(folder, id);
    // A crash between the two leaves the old one, whose files are the same.
    if (await exists(place)) return await readAdapter(folder, id);
    await rename(aside, place);
    await sync(folder);
    return manifest;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** The manifest alone, its files unread. Throws version_invalid, version_not_found. */
export async function readAdapter(folder: string, id: string): Promise<AdapterManifest> {
  const path = join(folder, id);
  const text = isAdapterId(id) ? await readIfThere(join(path, manifestFile)) : null;
  if (text === null) throw new MillraceError('version_not_found', { version: id });
  const manifest = parseAdapterManifest(text);
  if ('problem' in manifest) throw new MillraceError('version_invalid', { path, reason: manifest.problem });
  if (manifest.id !== id)
    throw new MillraceError('version_invalid', { path, reason: 'it lies under another name' });
  return manifest;
}

/** The verified version: every file is what the manifest says. Throws as readAdapter. */
export async function openAdapter(folder: string, id: string): Promise<AdapterManifest> {
  const manifest = await readAdapter(folder, id);
  for (const file of manifest.files) await checkFile(join(folder, id), file);
  return manifest;
}

/** Removes what processes that were killed have begun. This one may be publishing nothing meanwhile. */
export const sweepUnfinishedAdapters = (folder: string): Promise<void> =>
  sweepLeftovers(folder, asidePrefix, (name) => /^\.writing-(\d+)-/.exec(name)?.[1] ?? null);

/** Ids of what lies in the folder, whatever its state. */
export async function listAdapters(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((): string[] => [])).filter(isAdapterId).sort();
}
