import { open } from 'node:fs/promises';

/** Names that were created, renamed or removed in a folder reach the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
