/** Looks at a file in a thread of its own: redacting megabytes would hold up every request. */
import { Worker } from 'node:worker_threads';
import { createDeferred } from '../../core/deferred.ts';
import type { CheckedFile, FileProblem } from './check-file.ts';

export interface CheckTask {
  readonly bytes: Uint8Array;
  readonly maxRows: number;
}

/** Throws when it takes longer than `limitMs`, or when the thread fails. */
export async function checkInThread(task: CheckTask, limitMs: number): Promise<CheckedFile | FileProblem> {
  const worker = new Worker(new URL('./check-thread.js', import.meta.url), { workerData: task });
  const checked = createDeferred<CheckedFile | FileProblem>();
  worker.once('message', checked.resolve);
  worker.once('error', checked.reject);
  const timer = setTimeout(
    () => checked.reject(new Error(`a file was not looked at within ${limitMs} ms`)),
    limitMs,
  );
  try {
    return await checked.promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
