/**
 * One trainer per state folder: each puts down a file that names it, and only then looks for others. Of two that begin in the
 * same moment at least one sees the other, so that never both go on; files of dead ones are removed by whoever finds them.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isOtherRunning } from '../../core/process-identity.ts';

const nameOf = (identity: string): string => `trainer.${identity}.lock`;
const namePattern = /^trainer\.(\d+(?:@\d+)?)\.lock$/;

/** Throws when another trainer lives, or begins just now. The result gives the lock back. */
export function lock(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const own = nameOf(identityOf(process.pid));
  const unlock = (): void => rmSync(join(folder, own), { force: true });
  writeFileSync(join(folder, own), '');
  for (const name of readdirSync(folder)) {
    const identity = namePattern.exec(name)?.[1];
    if (identity === undefined || name === own) continue;
    if (isOtherRunning(identity)) {
      unlock();
      throw new Error(`another trainer (process ${identity}) works on ${folder}`);
    }
    rmSync(join(folder, name), { force: true });
  }
  return unlock;
}
