/** The files of a consolidated version: the merged checkpoint imported as its base was, and what was merged beside them. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePeft } from '../../core/adapter/peft.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { mergeAdapters } from '../../core/checkpoint/merged.ts';
import { MillraceError } from '../../core/errors.ts';
import { importCalibrated } from '../../core/import/calibrated-import.ts';
import type { ImportProgress } from '../../core/import/import.ts';
import type { OpenGraph } from '../../core/import/open-graph.ts';
import { type Quantization, quantizations } from '../../core/import/recipe.ts';
import type { Version } from '../../core/registry/open-version.ts';
import { mergedFileNames, openSource } from '../../core/registry/source-checkpoint.ts';
import type { AdapterToMerge } from './read-adapters.ts';

export interface Consolidation {
  /** That the adapters were made on. */
  readonly base: Version;
  /** In the order in which they are merged. */
  readonly adapters: readonly AdapterToMerge[];
  readonly open: OpenGraph;
  /** An existing folder for scratch files. */
  readonly scratch: string;
  readonly onProgress: (progress: ImportProgress) => void;
}

/** `folder` exists and is empty. Throws what opening and importing throw. */
export async function importMerged(consolidation: Consolidation, folder: string): Promise<void> {
  const { base, adapters, open, scratch, onProgress } = consolidation;
  const quantization = quantizationOf(base);
  const checkpoint = await openSource(base);
  try {
    const merged = mergeInto(checkpoint, adapters);
    await importCalibrated({ checkpoint: merged, folder, quantization, open, scratch, onProgress });
  } finally {
    await checkpoint.close();
  }
  for (const { adapter } of base.manifest.source.merged ?? []) await copyMerged(base.folder, folder, adapter);
  for (const { manifest, peft } of adapters) {
    const names = mergedFileNames(manifest.id);
    await writeFile(join(folder, names.config), peft.config);
    await writeFile(join(folder, names.weights), peft.weights);
  }
}

function quantizationOf({ folder, manifest }: Version): Quantization {
  const found = quantizations.find((each) => each === manifest.quantization);
  if (found !== undefined) return found;
  const reason = `its quantization "${manifest.quantization}" is not known`;
  throw new MillraceError('version_invalid', { path: folder, reason });
}

function mergeInto(checkpoint: Checkpoint, adapters: readonly AdapterToMerge[]): Checkpoint {
  const { config, path } = checkpoint;
  if (config.kind !== 'decoder')
    throw new MillraceError('checkpoint_invalid', { path, reason: 'an encoder takes no adapters' });
  return mergeAdapters(
    checkpoint,
    adapters.map(({ peft, folder }) => decodePeft(peft, config, folder)),
  );
}

async function copyMerged(from: string, to: string, adapter: string): Promise<void> {
  for (const name of Object.values(mergedFileNames(adapter)))
    await copyFile(join(from, name), join(to, name));
}
