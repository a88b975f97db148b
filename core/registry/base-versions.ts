/**
 * Base versions of one model beside each other: the one that was imported under its name, and those that consolidations
 * made of it, each in a folder of its own that never changes. A folder is there whole or not at all.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sync } from '../sync.ts';
import { baseFolderName, type Lineage, type Manifest } from './manifest.ts';
import { readManifest } from './open-version.ts';
import { describe, type PublishOptions } from './publish.ts';
import { sweepLeftovers } from './sweep-leftovers.ts';

/** Folders that begin so are unfinished, or on their way out. */
const asidePrefix = '.consolidating-';

export interface BasePublishOptions extends Omit<PublishOptions, 'write'> {
  /** Fills the empty folder with the version's files; null: it is not to be published. */
  readonly write: (folder: string) => Promise<Lineage | null>;
}

/** Equal contents are one version, which stays as it was first published. */
export async function publishBaseVersion(options: BasePublishOptions): Promise<Manifest | null> {
  const { modelsDir, name } = options;
  const folder = join(modelsDir, `${asidePrefix}${name}-${process.pid}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    const lineage = await options.write(folder);
    if (lineage === null) return null;
    const manifest = await describe(folder, lineage, options);
    const there = (await listBaseVersions(modelsDir, name)).find(
      ({ version }) => version === manifest.version,
    );
    if (there !== undefined) return there;
    const place = join(modelsDir, baseFolderName(name, manifest.version));
    // What lies there and is not listed is damaged.
    await rm(place, { recursive: true, force: true });
    await rename(folder, place);
    await sync(modelsDir);
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What consolidations of that model have left, newest first, their files unread; a folder that is damaged is left out. */
export async function listBaseVersions(modelsDir: string, name: string): Promise<Manifest[]> {
  const folders = await readdir(modelsDir).catch((): string[] => []);
  const own = folders.filter((folder) => folder.startsWith(`${name}@`) && /@[0-9a-f]{12}$/.test(folder));
  const found = await Promise.all(
    own.map((folder) => readManifest(join(modelsDir, folder)).catch(() => null)),
  );
  const whole = found.filter((manifest) => manifest !== null);
  return whole.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}

/** First out of sight, so that nobody finds half of it. Whoever has its files open keeps them. */
export async function removeBaseVersion(modelsDir: string, name: string, version: string): Promise<void> {
  const folder = baseFolderName(name, version);
  const aside = join(modelsDir, `${asidePrefix}removed-${folder}`);
  await rename(join(modelsDir, folder), aside);
  await rm(aside, { recursive: true, force: true });
}

/** Removes what processes that were killed have left. This one may be publishing or removing nothing meanwhile. */
export const sweepUnfinished = (modelsDir: string): Promise<void> =>
  sweepLeftovers(modelsDir, asidePrefix, (name) => /-(\d+)$/.exec(name)?.[1] ?? null);
