/** Entry of a batch host process: one version and one task; a batch in, its results out. */

import { Worker } from 'node:worker_threads';
import { messageOf } from '../../core/message-of.ts';
import type { BatchHostOptions, FromBatchHost, ToBatchHost } from './host-messages.ts';
import type { BatchSession } from './onnxruntime/batch-session.ts';
import { createEncoderSession } from './onnxruntime/encoder-session.ts';
import { createScorerSession } from './onnxruntime/scorer-session.ts';

/** What comes as an input of the task goes to the session of the task. */
type AnySession = BatchSession<unknown>;

let session: AnySession | null = null;

const send = (message: FromBatchHost): void => void process.send?.(message);

async function load({ task, ...options }: BatchHostOptions): Promise<void> {
  try {
    const create = task === 'encode' ? createEncoderSession : createScorerSession;
    session = (await create(options)) as AnySession;
    // First runs are slow: threads start, buffers are allocated.
    await session.run([session.probe]);
    send({ kind: 'ready', resultSize: session.resultSize, maxContext: session.maxContext });
  } catch (error) {
    send({ kind: 'failed', message: messageOf(error) });
  }
}

async function run({ id, inputs }: Extract<ToBatchHost<unknown>, { kind: 'run' }>): Promise<void> {
  try {
    send({ kind: 'results', id, results: await session!.run(inputs) });
  } catch (error) {
    send({ kind: 'refused', id, message: messageOf(error) });
  }
}

async function close(): Promise<void> {
  await session?.close();
  process.disconnect();
}

process.on('message', (message: ToBatchHost<unknown>) => {
  if (message.kind === 'load') void load(message.options);
  else if (message.kind === 'run') void run(message);
  else void close();
});
// Without a gateway there is no one to work for.
process.on('disconnect', () => process.exit(0));
// One that is gone already is not told of any more.
if (!process.connected) process.exit(0);
// The gateway decides when this process ends; a terminal's Ctrl-C reaches both.
process.on('SIGINT', () => {});
new Worker(new URL('./pulse.js', import.meta.url)).unref();
