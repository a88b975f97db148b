/**
 * The graph that scores: log-likelihood of given next tokens, no cache, whole right-padded sequences.
 * Inputs: input_ids int64 [B, S] · lengths int32 [B], each row's length minus one · total int32 [1] = S ·
 *   rows int64 [R], positions in the flattened [B·S] · targets int64 [R, 1], the token asked for at each of them.
 * Outputs: logprobs fp32 [R, 1], natural logarithm · best fp32 [R, 1], that of the likeliest token at the same place.
 */
import { GraphBuilder } from '../onnx/graph.ts';
import type { DecoderConfig } from './config.ts';
import { type DecoderPlugs, type DecoderWeights, emitDecoder, emitHead, wholeAttention } from './decoder.ts';

/** What is added beside the linears, and the graph's name. */
export interface ScoringExtras {
  readonly adapt: (graph: GraphBuilder) => DecoderPlugs['adapt'];
  readonly name: string;
}

const plain: ScoringExtras = { adapt: () => (_layer, _linear, _x, y) => y, name: 'scoring' };

export function emitScoringGraph(
  config: DecoderConfig,
  weights: DecoderWeights,
  dataFile: string,
  { adapt, name } = plain,
): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  const ids = graph.input('input_ids', 'int64', ['B', 'S']);
  const lengths = graph.input('lengths', 'int32', ['B']);
  const total = graph.input('total', 'int32', [1]);
  const rows = graph.input('rows', 'int64', ['R']);
  const targets = graph.input('targets', 'int64', ['R', 1]);
  graph.output('logprobs', 'float32', ['R', 1]);
  graph.output('best', 'float32', ['R', 1]);
  const hidden = emitDecoder(graph, config, weights, ids, {
    attention: wholeAttention(graph, config, weights, lengths, total),
    adapt: adapt(graph),
  });
  const logprobs = graph.node('LogSoftmax', [emitHead(graph, config, weights, hidden, rows)], { axis: -1 });
  graph.nodeInto(['logprobs'], 'GatherElements', [logprobs, targets], { axis: 1 });
  graph.nodeInto(['best'], 'ReduceMax', [logprobs, graph.constant('int64', [1], [1])], { keepdims: 1 });
  return graph.finish(`${config.family}-${name}`);
}
