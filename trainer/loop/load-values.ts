/** The values of a version on disk, to build on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { type TrainableModel, valuesOf } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';

/** Throws version_invalid for a damaged one, and for one whose shape is not what is trained here. */
export async function loadValues(adapters: string, id: string, model: TrainableModel): Promise<Parameters> {
  await openAdapter(adapters, id);
  const folder = join(adapters, id);
  const files = {
    config: await readFile(join(folder, peftFiles.config)),
    weights: await readFile(join(folder, peftFiles.weights)),
  };
  const values = valuesOf(decodePeft(files, model.base.config, folder), model.shape);
  if (values === null) throw new Error(`the version ${id} has another shape than what is trained here`);
  return values;
}
