/** Full-precision weights that nobody trains on any more leave the disk. Only the one who holds the lock may sweep. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listBaseVersions } from '../../core/registry/base-versions.ts';
import { listVersions, readManifest } from '../../core/registry/open-version.ts';
import { unfinishedMark, weightsFolder } from '../train/base-weights.ts';

/** Removes what a trainer that was killed had begun to write. To be called before any model is opened. */
export async function sweepUnfinishedWeights(folder: string): Promise<void> {
  for (const name of await namesIn(folder))
    if (name.includes(unfinishedMark)) await rm(join(folder, name), { recursive: true, force: true });
}

/** Removes the weights of versions that are gone from the models folder, but never those of `inUse`. */
export async function sweepWeights(
  folder: string,
  modelsDir: string,
  inUse: readonly string[],
): Promise<void> {
  const kept = new Set([...inUse, ...(await allVersions(modelsDir))].map(weightsFolder));
  for (const name of await namesIn(folder)) {
    if (kept.has(name) || name.includes(unfinishedMark)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch((): string[] => []);

async function allVersions(modelsDir: string): Promise<string[]> {
  const versions: string[] = [];
  for (const name of await listVersions(modelsDir)) {
    const imported = await readManifest(join(modelsDir, name)).catch(() => null);
    if (imported !== null) versions.push(imported.version);
    for (const { version } of await listBaseVersions(modelsDir, name)) versions.push(version);
  }
  return versions;
}
