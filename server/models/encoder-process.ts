/** An encoder version in a batch host, as an EmbeddingEngine. */
import type { EmbeddingEngine } from '../batching/engine.ts';
import { BatchProcess, type BatchProcessOptions } from './batch-process.ts';

export interface EncoderProcessOptions
  extends Omit<BatchProcessOptions<readonly number[]>, 'host' | 'lengthOf'> {
  readonly version: string;
  /** A verified version folder of an encoder. */
  readonly folder: string;
  readonly threads: number;
}

/** Starts the host and waits until it serves. Throws engine_unavailable when it cannot. */
export async function startEncoder(
  options: EncoderProcessOptions,
): Promise<EmbeddingEngine & { pid(): number | null }> {
  const { version, folder, threads } = options;
  const host = new BatchProcess<readonly number[]>({
    ...options,
    host: { task: 'encode', folder, threads },
    lengthOf: (tokens) => tokens.length,
  });
  await host.start();
  return {
    version,
    dimensions: host.resultSize!,
    maxContext: host.maxContext,
    state: () => host.state,
    pid: () => host.pid,
    embed: (inputs, { signal }) => host.submit(inputs, signal === undefined ? {} : { signal }),
    close: () => host.close(),
  };
}
