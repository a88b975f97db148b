/** The models of all runs, made once: a decoder of two layers and an encoder, both tiny. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program, programEnv } from '../e2e/program.ts';
import { TinyModel } from '../e2e/tiny-model.ts';
import { fixturePath } from '../root.ts';
import type { Prepared } from './run.ts';

const encoder = 'encoder';
const importMs = 60_000;
/** Characters of the longest passage that training holds on to, and some. */
const trainedContext = 1_024;

/** The caller removes `root`. */
export async function prepareModels(): Promise<Prepared> {
  const root = mkdtempSync(join(tmpdir(), 'millrace-prepared-'));
  const model = new TinyModel(root, trainedContext);
  const base = await model.import();
  const checkpoint = fixturePath('encoders/mean');
  const options = ['--name', encoder, '--models-dir', model.modelsDir, '--quantization', 'fp32'];
  const { status, stderr } = spawnSync(process.execPath, [program, 'import', checkpoint, ...options], {
    env: programEnv,
    encoding: 'utf8',
    timeout: importMs,
  });
  if (status !== 0) throw new Error(`the encoder could not be imported: ${stderr}`);
  return { root, base, encoder };
}
