/** From a checkpoint on disk to a published version. */
import { tmpdir } from 'node:os';
import { basename, resolve } from 'node:path';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { importCalibrated } from '../../core/import/calibrated-import.ts';
import type { ImportProgress } from '../../core/import/import.ts';
import type { Quantization } from '../../core/import/recipe.ts';
import type { Lineage, Manifest } from '../../core/registry/manifest.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { usableCpus } from '../../core/usable-cpus.ts';

export interface ImportModelOptions {
  readonly path: string;
  readonly name: string;
  readonly modelsDir: string;
  readonly quantization: Quantization;
  /** 0: one per CPU that may be used. */
  readonly threads: number;
  readonly onProgress: (progress: ImportProgress) => void;
}

async function write(checkpoint: Checkpoint, folder: string, options: ImportModelOptions): Promise<Lineage> {
  const { quantization, onProgress } = options;
  const open = createOpenGraph({ threads: options.threads || usableCpus() });
  await importCalibrated({ checkpoint, folder, quantization, open, scratch: tmpdir(), onProgress });
  const { config, format } = checkpoint;
  return {
    source: { format, name: basename(options.path), path: resolve(options.path) },
    kind: config.kind,
    architecture: config.family,
    quantization,
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
