import { readFile } from 'node:fs/promises';

/** A file's text; null when there is none. Throws what else the disk says. */
export function readIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
