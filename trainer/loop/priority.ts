/** The trainer takes what serving leaves it. */
import { spawnSync } from 'node:child_process';
import { setPriority } from 'node:os';

const lowest = 19;
const maxMs = 2_000;

/**
 * Niceness of this process and of the threads that it will have. At the lowest it is of the idle class, too, where the system
 * has util-linux's chrt: a thread that serves then takes the CPU in the moment in which it wakes up, and not when the
 * trainer's slice is over.
 */
export function setTrainerPriority(niceness: number): void {
  setPriority(niceness);
  if (niceness !== lowest) return;
  const asked = ['--all-tasks', '--idle', '--pid', '0', String(process.pid)];
  // Where it is not to be had, niceness alone has to do.
  spawnSync('chrt', asked, { timeout: maxMs, stdio: 'ignore' });
}
