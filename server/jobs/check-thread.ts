/** One file is looked at here, off the event loop; then the thread ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../core/invariant.ts';
import { checkFile } from './check-file.ts';
import type { CheckTask } from './check-in-thread.ts';

invariant(parentPort !== null, 'files are looked at in a thread');
const { bytes, maxRows } = workerData as CheckTask;
parentPort.postMessage(checkFile(bytes, maxRows));
