import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelDescription } from '../../../core/import/import.ts';

/** What the graphs in a verified version folder were made from. */
export async function readDescription(folder: string): Promise<ModelDescription> {
  return JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as ModelDescription;
}
