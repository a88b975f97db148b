/** A server under comparison: started as a process of its own, driven over HTTP only, ended by its id. */
import { spawn } from 'node:child_process';
import { createTarget, type Target } from '../client.ts';
import { peakMemoryMb } from '../processes.ts';

export interface ServerCommand {
  /** Short, for tables: "llama-server Q8_0". */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** All variables that the process gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly model: string;
  /** Answers 200 once the server serves. */
  readonly readyPath: string;
}

export interface RunningServer {
  readonly name: string;
  /** As a shell would take it, without the folders. */
  readonly command: string;
  readonly target: Target;
  /** Peak resident memory of the process and its children since the start, in MB (10^6 bytes). */
  peakMemoryMb(): number;
  stop(): Promise<void>;
}

const readyTimeoutMs = 120_000;
const stopTimeoutMs = 10_000;
const maxErrorText = 4000;

/** Throws when the server ends or does not get ready; nothing is left running then. */
export async function startServer(command: ServerCommand): Promise<RunningServer> {
  const { name, program, args, port } = command;
  const child = spawn(program, args, {
    env: command.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-maxErrorText);
  });
  let hasEnded = false;
  const exit = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      errors += error.message;
      resolve();
    });
  }).then(() => {
    hasEnded = true;
  });
  const stop = async (): Promise<void> => {
    if (hasEnded) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await exit;
    clearTimeout(timer);
  };
  const endMs = performance.now() + readyTimeoutMs;
  while (!(await answers(`http://127.0.0.1:${port}${command.readyPath}`))) {
    if (!hasEnded && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    await stop();
    throw new Error(`${name} did not get ready. It wrote:\n${errors}`);
  }
  return {
    name,
    command: [program, ...args].map((word) => word.split('/').at(-1)).join(' '),
    target: createTarget({ url: `http://127.0.0.1:${port}/v1`, model: command.model }),
    peakMemoryMb: () => peakMemoryMb(child.pid!),
    stop,
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
