/** Runs an encoder version: token ids in, one vector per text out, over the graph of core/arch/encoder-graph.ts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import type { ModelDescription } from '../../../core/import/import.ts';
import { invariant } from '../../../core/invariant.ts';
import { openSession } from './open-session.ts';

export interface EncoderSession {
  readonly dimensions: number;
  /** Tokens that a text may have. */
  readonly maxContext: number;
  /** Vectors in the order of the inputs, each [dimensions]. */
  encode(inputs: readonly (readonly number[])[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** `folder` is a verified version of an encoder. */
export async function createEncoderSession(options: {
  folder: string;
  threads: number;
}): Promise<EncoderSession> {
  const text = await readFile(join(options.folder, 'model.json'), 'utf8');
  const { config } = JSON.parse(text) as ModelDescription;
  invariant(config.kind === 'encoder', 'an encoder session runs an encoder');
  const session = await openSession(join(options.folder, 'encoder.onnx'), options);
  const { hiddenSize, maxContext } = config;
  return {
    dimensions: hiddenSize,
    maxContext,
    async encode(inputs) {
      const { vectors } = await session.run(feedsOf(inputs));
      const data = vectors!.data as Float32Array;
      return inputs.map((_, index) => data.slice(index * hiddenSize, (index + 1) * hiddenSize));
    },
    close: () => session.release(),
  };
}

function feedsOf(inputs: readonly (readonly number[])[]): Record<string, Tensor> {
  const longest = Math.max(...inputs.map(({ length }) => length));
  const ids = new BigInt64Array(inputs.length * longest);
  const mask = new Int32Array(inputs.length * longest);
  inputs.forEach((tokens, row) => {
    tokens.forEach((token, column) => {
      ids[row * longest + column] = BigInt(token);
      mask[row * longest + column] = 1;
    });
  });
  const positions = BigInt64Array.from({ length: longest }, (_, index) => BigInt(index));
  return {
    input_ids: new Tensor('int64', ids, [inputs.length, longest]),
    positions: new Tensor('int64', positions, [longest]),
    mask: new Tensor('int32', mask, [inputs.length, longest]),
  };
}
