/** The real program, started, until it says where it listens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { repoRoot } from '../root.ts';

export const program = join(repoRoot, 'dist', 'server', 'cli', 'millrace.js');
/** Tests run beside each other, and a trainer that takes only what nobody wants would wait for all of them. */
export const programEnv = { PATH: process.env.PATH, MILLRACE_LEARNING_NICE: '10' };

export interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly adminUrl: string;
  readonly exit: Promise<number | null>;
  /** All that it has said so far. */
  said(): string;
}

export interface ServeOptions {
  readonly cwd?: string;
  readonly startMs: number;
  /** File descriptors that it may have; needs a POSIX shell. */
  readonly maxOpenFiles?: number;
  /** Variables beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is told of the process at once, before it serves. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** `millrace serve` with these arguments. A start that fails, or takes longer, leaves nothing behind. */
export function serve(
  args: readonly string[],
  { cwd, startMs, maxOpenFiles, env, onSpawn }: ServeOptions,
): Promise<Served> {
  const command = [process.execPath, program, 'serve', ...args];
  const [file, ...rest] =
    maxOpenFiles === undefined
      ? command
      : ['/bin/sh', '-c', `ulimit -n ${maxOpenFiles} && exec "$@"`, 'sh', ...command];
  const child = spawn(file!, rest, { cwd, env: { ...programEnv, ...env } });
  onSpawn?.(child);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let said = '';
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${what}: ${said}`));
    };
    const timer = setTimeout(() => fail(`not ready within ${startMs} ms`), startMs);
    const listen = (bytes: Buffer): void => {
      said += bytes.toString();
      const match = /serving (\S+)\/v1 \(admin: (\S+)\)/.exec(said);
      if (match === null) return;
      clearTimeout(timer);
      resolve({ child, url: match[1]!, adminUrl: match[2]!, exit, said: () => said });
    };
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', listen);
    exit.then((code) => fail(`it ended with ${code}`));
  });
}
