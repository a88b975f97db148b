import { open } from 'node:fs/promises';

/** What a file holds reaches the disk; of a folder, which names are in it. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
