/** Where an uploaded file lies, and its rows. Each line was checked and redacted before it was stored. */

import { join } from 'node:path';
import { readIfThere } from '../read-if-there.ts';
import { isFileId } from './ids.ts';
import { parseTrainingRow, type TrainingRow } from './training-row.ts';

export function trainingFilePath(folder: string, id: string): string {
  if (!isFileId(id)) throw new Error('the id of a file is not checked');
  return join(folder, `${id}.jsonl`);
}

/** Null when the file was deleted. Throws for a line that is no row: then the disk has changed it. */
export async function readTrainingRows(folder: string, id: string): Promise<TrainingRow[] | null> {
  const text = await readIfThere(trainingFilePath(folder, id));
  if (text === null) return null;
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    const row = parseTrainingRow(JSON.parse(line));
    if ('problem' in row) throw new Error(`line ${index + 1} of ${id} is damaged: ${row.problem}`);
    return row;
  });
}
