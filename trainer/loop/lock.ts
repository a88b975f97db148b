/** One trainer per state folder: a file that says which process owns it. A dead owner's lock is taken over. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isOtherRunning } from '../../core/process-identity.ts';

const file = 'trainer.lock';

/** Throws when another trainer lives. The result gives the lock back. */
export function lock(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, file);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, identityOf(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = readFileSync(path, 'utf8');
      if (isOtherRunning(owner)) throw new Error(`another trainer (process ${owner}) works on ${folder}`);
      rmSync(path, { force: true });
    }
  }
  throw new Error(`the lock ${path} cannot be had`);
}
