/**
 * The full-precision weights behind a base version: the checkpoint that was imported and, after consolidations, the
 * adapters merged into it. Those lie in the version's own folder, as PEFT's files under names that begin with their id, so
 * that a version needs no adapter folder to be trained on or consolidated again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from '../adapter/adapter.ts';
import { decodePeft, peftFiles } from '../adapter/peft.ts';
import type { DecoderConfig } from '../arch/config.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { mergeAdapters } from '../checkpoint/merged.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { MillraceError } from '../errors.ts';
import { isAdapterId } from './adapter-manifest.ts';
import type { Version } from './open-version.ts';

/** Names in a version's folder of the files of an adapter that was merged. */
export const mergedFileNames = (adapter: string) => ({
  config: `${adapter}.${peftFiles.config}`,
  weights: `${adapter}.${peftFiles.weights}`,
});

/** Of a verified version. Throws version_invalid, and what opening a checkpoint throws. */
export async function openSource(version: Version): Promise<Checkpoint> {
  const { path, merged = [] } = version.manifest.source;
  if (path === undefined) {
    const reason = 'it does not say where its checkpoint lies; import it again';
    throw new MillraceError('version_invalid', { path: version.folder, reason });
  }
  const checkpoint = await openCheckpoint(path);
  if (merged.length === 0 || checkpoint.config.kind !== 'decoder') return checkpoint;
  try {
    const adapters: Adapter[] = [];
    for (const { adapter } of merged) adapters.push(await readMerged(version, adapter, checkpoint.config));
    return mergeAdapters(checkpoint, adapters);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function readMerged(
  { folder, manifest }: Version,
  adapter: string,
  config: DecoderConfig,
): Promise<Adapter> {
  const names = mergedFileNames(adapter);
  const read = (name: string): Promise<Uint8Array> => {
    if (isAdapterId(adapter) && manifest.files.some(({ path }) => path === name))
      return readFile(join(folder, name));
    const reason = `it lacks ${name.slice(0, 100)}, which was merged into it`;
    throw new MillraceError('version_invalid', { path: folder, reason });
  };
  const files = { config: await read(names.config), weights: await read(names.weights) };
  return decodePeft(files, config, folder);
}
