/**
 * A checkpoint's weights as training reads them: fp32, in the checkpoint's own basis, mapped from one file. Written once
 * for each base version, whole or not at all.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { DecoderWeights } from '../../core/arch/decoder.ts';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { MillraceError } from '../../core/errors.ts';
import { writeDecoderWeights } from '../../core/import/decoder-weights.ts';
import { recipeFor } from '../../core/import/recipe.ts';
import { ExternalDataWriter } from '../../core/onnx/external-data.ts';

export const dataFile = 'weights.bin';
const describedIn = 'weights.json';

export interface BaseWeights {
  /** Holds `dataFile`; graphs that refer to it are written beside it. */
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly weights: DecoderWeights;
}

/** Name of the folder for the weights of a base version, "sha256:…". */
export const weightsFolder = (version: string): string =>
  version.slice('sha256:'.length, 'sha256:'.length + 16);

/** Names of folders that are being written, or were when their process died, have this in them. */
export const unfinishedMark = '.writing-';

/** What lies in `folder`, written from the checkpoint when nothing does. Throws checkpoint_invalid for an encoder. */
export async function openBaseWeights(
  folder: string,
  openCheckpoint: () => Promise<Checkpoint>,
): Promise<BaseWeights> {
  const text = await readFile(join(folder, describedIn), 'utf8').catch(() => null);
  if (text !== null) return { folder, ...(JSON.parse(text) as Omit<BaseWeights, 'folder'>) };
  const checkpoint = await openCheckpoint();
  try {
    return await write(folder, checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function write(folder: string, checkpoint: Checkpoint): Promise<BaseWeights> {
  const { config } = checkpoint;
  if (config.kind !== 'decoder') {
    throw new MillraceError('checkpoint_invalid', {
      path: checkpoint.path,
      reason: 'an encoder is not trained',
    });
  }
  const aside = `${folder}${unfinishedMark}${process.pid}`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  const data = await ExternalDataWriter.create(join(aside, dataFile));
  const recipe = recipeFor('fp32');
  const { weights } = await writeDecoderWeights({
    checkpoint,
    config,
    recipe,
    data,
    calibration: null,
    onLayer: () => {},
  }).finally(() => data.finish());
  await writeFile(join(aside, describedIn), JSON.stringify({ config, weights }), { flush: true });
  await mkdir(dirname(folder), { recursive: true });
  await rename(aside, folder);
  return { folder, config, weights };
}
