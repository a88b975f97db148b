/** Entry of the encoder host process: one encoder version; a batch in, its vectors out. */
import { Worker } from 'node:worker_threads';
import type { FromEncoderHost, ToEncoderHost } from './host-messages.ts';
import { createEncoderSession, type EncoderSession } from './onnxruntime/encoder-session.ts';

let session: EncoderSession | null = null;

const send = (message: FromEncoderHost): void => void process.send?.(message);
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function load(options: { folder: string; threads: number }): Promise<void> {
  try {
    session = await createEncoderSession(options);
    // First runs are slow: threads start, buffers are allocated.
    await session.encode([[0, 0]]);
    send({ kind: 'ready', dimensions: session.dimensions, maxContext: session.maxContext });
  } catch (error) {
    send({ kind: 'failed', message: reasonOf(error) });
  }
}

async function encode({ id, inputs }: Extract<ToEncoderHost, { kind: 'encode' }>): Promise<void> {
  try {
    send({ kind: 'vectors', id, vectors: await session!.encode(inputs) });
  } catch (error) {
    send({ kind: 'refused', id, message: reasonOf(error) });
  }
}

async function close(): Promise<void> {
  await session?.close();
  process.disconnect();
}

process.on('message', (message: ToEncoderHost) => {
  if (message.kind === 'load') void load(message.options);
  else if (message.kind === 'encode') void encode(message);
  else void close();
});
// Without a gateway there is no one to work for.
process.on('disconnect', () => process.exit(0));
// The gateway decides when this process ends; a terminal's Ctrl-C reaches both.
process.on('SIGINT', () => {});
new Worker(new URL('./pulse.js', import.meta.url)).unref();
