import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sync } from './sync.ts';

/** Writes a file whole or not at all: whoever reads it sees the old content or the new, and the new is durable. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const aside = `${path}.writing`;
  const file = await open(aside, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
  await sync(dirname(path));
}
