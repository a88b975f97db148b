/**
 * The forward half of the graph that trains: packed sequences through the layers from `firstLayer` on, in plain
 * operators. Layers below it are frozen and never run here: their result, which does not change, comes in as an input.
 * Inputs: ids int64 [1, T], or residual fp32 [1, T, hidden] with a first layer above 0 · those of packedAttention.
 */
import type { GraphBuilder, Value } from '../onnx/graph.ts';
import type { DecoderConfig } from './config.ts';
import { type DecoderPlugs, type DecoderWeights, emitLayers } from './decoder.ts';
import { packedAttention } from './packed-attention.ts';

export interface TrainingForward {
  /** Normalized hidden states, [T, hidden]. */
  readonly hidden: Value;
  /** Logits [rows, vocab] of rows of `hidden`; `rows` is int64 [rows]. */
  logits(rows: Value): Value;
}

export interface TrainingForwardOptions {
  readonly firstLayer: number;
  readonly adapt: DecoderPlugs['adapt'];
}

export function emitTrainingForward(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
  options: TrainingForwardOptions,
): TrainingForward {
  const attention = packedAttention(graph, config, weights);
  const input =
    options.firstLayer === 0
      ? embed(graph, weights)
      : graph.input('residual', 'float32', [1, 'T', config.hiddenSize]);
  return upperLayers(graph, config, weights, { ...options, attention, input });
}

/** The frozen layers alone: ids int64 [1, T] to the residual stream in front of `firstLayer`, [1, T, hidden]. */
export function emitTrunk(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
  firstLayer: number,
): Value {
  const attention = packedAttention(graph, config, weights);
  const lower = { layers: weights.layers.slice(0, firstLayer), finalNorm: weights.layers[0]!.attentionNorm };
  const plugs = { attention, adapt: (_layer: number, _linear: string, _x: Value, y: Value) => y };
  return emitLayers(graph, config, lower, embed(graph, weights), plugs).residual;
}

const embed = (graph: GraphBuilder, weights: DecoderWeights): Value =>
  graph.node('Gather', [graph.external(weights.embedding), graph.input('ids', 'int64', [1, 'T'])]);

function upperLayers(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
  options: TrainingForwardOptions & { readonly attention: DecoderPlugs['attention']; readonly input: Value },
): TrainingForward {
  const { firstLayer, adapt, attention, input } = options;
  const upper = { ...weights, layers: weights.layers.slice(firstLayer) };
  const { normed } = emitLayers(graph, config, upper, input, {
    attention,
    adapt: (layer, linear, x, y) => adapt(firstLayer + layer, linear, x, y),
  });
  const shape = graph.constant('int64', [2], [-1, config.hiddenSize]);
  const hidden = graph.node('Reshape', [normed, shape]);
  return {
    hidden,
    logits: (rows) => emitLogits(graph, config, weights, graph.node('Gather', [hidden, rows])),
  };
}

/** Tied embeddings are one weight, so that both uses add to one gradient. */
function emitLogits(graph: GraphBuilder, config: DecoderConfig, weights: DecoderWeights, rows: Value): Value {
  if (config.tiedEmbeddings) {
    return graph.node('FusedMatMul', [rows, graph.external(weights.embedding)], { transB: 1 });
  }
  const { head } = weights;
  if (head.kind !== 'fp32') throw new Error('a training graph has fp32 weights');
  return graph.node('MatMul', [rows, graph.external(head.weight)]);
}
