/** Ways to end a replica in the middle of a test: a process by its id, or a command that does it. */
import { spawn } from 'node:child_process';

const commandMs = 30_000;

/** SIGKILL, which nothing can prepare for. Throws where there is no such process. */
export const killProcess = (pid: number) => async (): Promise<void> => {
  process.kill(pid, 'SIGKILL');
};

/** In a shell; throws when it fails, or takes longer than half a minute. */
export const runCommand = (command: string) => (): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: ['ignore', 'ignore', 'inherit'], timeout: commandMs });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`"${command}" ended with ${code ?? 'a signal'}`)),
    );
  });
