/** Folders that were being written when their process died. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isOtherRunning } from '../process-identity.ts';

/** Removes what begins so, unless the process whose number `writerOf` finds in the name still runs; null is nobody's. */
export async function sweepLeftovers(
  folder: string,
  prefix: string,
  writerOf: (name: string) => string | null,
): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const writer = writerOf(name);
    if (writer !== null && isOtherRunning(writer)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
