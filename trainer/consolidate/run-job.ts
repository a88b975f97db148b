/** Starts the process that consolidates, listens, and ends it when nobody wants its work any more. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../core/errors.ts';
import type { ImportProgress } from '../../core/import/import.ts';
import type { Built, FromProcess, ToProcess } from './job.ts';

export interface RunOptions {
  readonly onProgress: (progress: ImportProgress) => void;
  /** The process is killed after this long. */
  readonly timeoutMs: number;
  /** Kills the process when it is aborted. */
  readonly signal?: AbortSignal;
  /** Variables that the process is started with; none when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Resolves and rejects once the process is gone: nobody writes any more. */
export async function runJob(message: ToProcess, options: RunOptions): Promise<Built> {
  options.signal?.throwIfAborted();
  const entry = fileURLToPath(new URL('./consolidation-process.js', import.meta.url));
  const child = fork(entry, [], {
    serialization: 'advanced',
    // Whatever this process was started with is not meant for that one.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // One malloc arena: large buffers come and go, and are given back.
    env: { ...options.environment, MALLOC_ARENA_MAX: '1' },
  });
  let why = '';
  const end = (reason: string): void => {
    why = reason;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => end('it was stopped');
  const timer = setTimeout(() => end(`it took longer than ${options.timeoutMs} ms`), options.timeoutMs);
  options.signal?.addEventListener('abort', onAbort);
  try {
    child.send(message, () => {});
    return await resultOf(child, options.onProgress, () => why);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

function resultOf(
  child: ChildProcess,
  onProgress: RunOptions['onProgress'],
  why: () => string,
): Promise<Built> {
  return new Promise((resolve, reject) => {
    let last: FromProcess | null = null;
    child.on('message', (message: FromProcess) => {
      if (message.kind === 'progress') onProgress(message.progress);
      else last = message;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (last?.kind === 'built') resolve(last.built);
      else if (last?.kind === 'failed') reject(errorOf(last));
      else
        reject(new Error(`the consolidation failed: ${why() || `its process ended with ${signal ?? code}`}`));
    });
  });
}

function errorOf({ message, coded }: Extract<FromProcess, { kind: 'failed' }>): Error {
  return coded === null
    ? new Error(`the consolidation failed: ${message}`)
    : new MillraceError(coded.code, coded.details);
}
