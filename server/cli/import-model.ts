/** From a checkpoint on disk to a published version. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { calibrationText } from '../../core/import/calibration-text.ts';
import { type ImportProgress, importCheckpoint } from '../../core/import/import.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import type { Lineage, Manifest } from '../../core/registry/manifest.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';

export interface ImportModelOptions {
  readonly path: string;
  readonly name: string;
  readonly modelsDir: string;
  readonly quantization: Quantization;
  /** 0: one per CPU core. */
  readonly threads: number;
  readonly onProgress: (progress: ImportProgress) => void;
}

const maxCalibrationTokens = 512;

async function write(checkpoint: Checkpoint, folder: string, options: ImportModelOptions): Promise<Lineage> {
  const scratch = await mkdtemp(join(tmpdir(), 'millrace-import-'));
  try {
    const tokens = loadTokenizer(checkpoint.tokenizer)
      .encode(calibrationText, { addSpecialTokens: false, allowSpecial: false })
      .slice(0, maxCalibrationTokens);
    const open = createOpenGraph({ threads: options.threads || availableParallelism() });
    const { quantization, onProgress } = options;
    await importCheckpoint({
      checkpoint,
      folder,
      quantization,
      calibration: { open, tokens, scratch },
      onProgress,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const { config, format } = checkpoint;
  return {
    source: { format, name: basename(options.path), path: resolve(options.path) },
    kind: config.kind,
    architecture: config.family,
    quantization: options.quantization,
  };
}

/** The manifest of `<modelsDir>/<name>`. Throws what opening, importing or publishing throws. */
export async function importModel(options: ImportModelOptions): Promise<Manifest> {
  const checkpoint = await openCheckpoint(options.path);
  try {
    const { modelsDir, name } = options;
    return await publishVersion({
      modelsDir,
      name,
      now: () => new Date(),
      write: (folder) => write(checkpoint, folder, options),
    });
  } finally {
    await checkpoint.close();
  }
}
