/** Opens whatever the path is: a Hugging Face directory or a GGUF file. */
import { stat } from 'node:fs/promises';
import { MillraceError } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openGguf } from './gguf.ts';
import { openHuggingFace } from './hugging-face.ts';

/** Throws checkpoint_not_found, checkpoint_invalid, architecture_unsupported or tokenizer_unsupported. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new MillraceError('checkpoint_not_found', { path }, { cause });
  });
  return found.isDirectory() ? openHuggingFace(path) : openGguf(path);
}
