/** An import as everybody wants it: calibrated on the built-in text, scratch files cleaned away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadTokenizer } from '../tokenizer/load.ts';
import { calibrationText } from './calibration-text.ts';
import { type ImportOptions, importCheckpoint, type ModelDescription } from './import.ts';
import type { OpenGraph } from './open-graph.ts';

const maxCalibrationTokens = 512;

export interface CalibratedImportOptions extends Omit<ImportOptions, 'calibration'> {
  readonly open: OpenGraph;
  /** An existing folder that scratch files may be written into. */
  readonly scratch: string;
}

/** As importCheckpoint. */
export async function importCalibrated(options: CalibratedImportOptions): Promise<ModelDescription> {
  const { open, ...rest } = options;
  const scratch = await mkdtemp(join(options.scratch, 'millrace-import-'));
  try {
    const tokens = loadTokenizer(options.checkpoint.tokenizer)
      .encode(calibrationText, { addSpecialTokens: false, allowSpecial: false })
      .slice(0, maxCalibrationTokens);
    return await importCheckpoint({ ...rest, calibration: { open, tokens, scratch } });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
