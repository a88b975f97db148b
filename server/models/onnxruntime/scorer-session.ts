/** Runs a decoder version's scoring graph (core/arch/scoring-graph.ts): texts in, log-likelihoods out. */
import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { invariant } from '../../../core/invariant.ts';
import { int32, int64, padRight } from '../../../core/runtime/integers.ts';
import { openSession } from '../../../core/runtime/open-session.ts';
import type { ScoringInput } from '../../batching/engine.ts';
import type { BatchSession, BatchSessionOptions } from './batch-session.ts';
import { readDescription } from './read-description.ts';

/** A result is [2·n] for n scored tokens: their log probabilities, then those of the likeliest tokens there. */
export async function createScorerSession(options: BatchSessionOptions): Promise<BatchSession<ScoringInput>> {
  const { config } = await readDescription(options.folder);
  invariant(config.kind === 'decoder', 'a scorer runs a decoder');
  const session = await openSession(join(options.folder, 'scoring.onnx'), options);
  return {
    resultSize: null,
    maxContext: config.maxContext,
    probe: { tokens: [0, 0], from: 1 },
    async run(inputs) {
      const { logprobs, best } = await session.run(feedsOf(inputs));
      const [own, likeliest] = [logprobs!.data as Float32Array, best!.data as Float32Array];
      let end = 0;
      return inputs.map(({ tokens, from }) => {
        const start = end;
        end += tokens.length - from;
        const result = new Float32Array(2 * (end - start));
        result.set(own.subarray(start, end));
        result.set(likeliest.subarray(start, end), end - start);
        return result;
      });
    },
    close: () => session.release(),
  };
}

function feedsOf(inputs: readonly ScoringInput[]): Record<string, Tensor> {
  const ids = padRight(inputs.map(({ tokens }) => tokens));
  const longest = ids.dims[1]!;
  const targets = inputs.flatMap(({ tokens, from }) => tokens.slice(from));
  // A token's probability stands in the row of the token before it.
  const rows = inputs.flatMap(({ tokens, from }, row) =>
    tokens.slice(from).map((_, index) => row * longest + from + index - 1),
  );
  return {
    input_ids: ids,
    lengths: int32(inputs.map(({ tokens }) => tokens.length - 1)),
    total: int32([longest]),
    rows: int64(rows, [rows.length]),
    targets: int64(targets, [targets.length, 1]),
  };
}
