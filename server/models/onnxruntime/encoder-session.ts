/** Runs an encoder version: token ids in, one vector per text out, over the graph of core/arch/encoder-graph.ts. */
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { invariant } from '../../../core/invariant.ts';
import { int64, padRight } from '../../../core/runtime/integers.ts';
import { openSession } from '../../../core/runtime/open-session.ts';
import type { BatchSession, BatchSessionOptions } from './batch-session.ts';
import { readDescription } from './read-description.ts';

/** Results are vectors, [hiddenSize]. */
export async function createEncoderSession(
  options: BatchSessionOptions,
): Promise<BatchSession<readonly number[]>> {
  const { config } = await readDescription(options.folder);
  invariant(config.kind === 'encoder', 'an encoder session runs an encoder');
  const session = await openSession(join(options.folder, 'encoder.onnx'), options);
  const { hiddenSize, maxContext } = config;
  return {
    resultSize: hiddenSize,
    maxContext,
    probe: [0, 0],
    async run(inputs) {
      const { vectors } = await session.run(feedsOf(inputs));
      const data = vectors!.data as Float32Array;
      return inputs.map((_, index) => data.slice(index * hiddenSize, (index + 1) * hiddenSize));
    },
    close: () => session.release(),
  };
}

function feedsOf(inputs: readonly (readonly number[])[]): Record<string, Tensor> {
  const ids = padRight(inputs);
  const longest = ids.dims[1]!;
  const mask = new Int32Array(inputs.length * longest);
  inputs.forEach(({ length }, row) => {
    mask.fill(1, row * longest, row * longest + length);
  });
  return {
    input_ids: ids,
    positions: int64(
      Array.from({ length: longest }, (_, index) => index),
      [longest],
    ),
    mask: new Tensor('int32', mask, [inputs.length, longest]),
  };
}
