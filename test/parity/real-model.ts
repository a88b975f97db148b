/** Where the default model lies once it has been fetched; tests that need it are skipped without it. */
import { join } from 'node:path';
import { repoRoot } from '../root.ts';

const folder = join(repoRoot, 'models');

export const realCheckpoint = (): string =>
  join(folder, 'checkpoints', 'smollm2-135m-instruct', 'SmolLM2-135M-Instruct.Q4_1.gguf');
