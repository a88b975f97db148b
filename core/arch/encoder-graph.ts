/**
 * The BERT encoder (Devlin et al. 2019) with pooling, as sentence-transformers runs it: one vector per text.
 * Inputs: input_ids int64 [B, S], right-padded · positions int64 [S] = 0 … S-1 · mask int32 [B, S], 1 for tokens.
 * Output: vectors fp32 [B, hidden], of unit length where the configuration says so.
 */
import { type ExternalTensor, GraphBuilder, type Value } from '../onnx/graph.ts';
import type { EncoderConfig } from './config.ts';
import { LinearEmitter, type LinearWeight } from './linear.ts';

export const encoderLinears = ['qkv', 'o', 'up', 'down'] as const;
export type EncoderLinear = (typeof encoderLinears)[number];

export interface NormWeights {
  /** [hidden] each. */
  readonly gain: ExternalTensor;
  readonly bias: ExternalTensor;
}

export interface EncoderLayerWeights extends Readonly<Record<EncoderLinear, LinearWeight>> {
  readonly attentionNorm: NormWeights;
  readonly outputNorm: NormWeights;
}

export interface EncoderWeights {
  /** [vocab, hidden]. */
  readonly words: ExternalTensor;
  /** [maxContext, hidden]; the embedding of token type 0 is added in. */
  readonly positions: ExternalTensor;
  readonly embeddingNorm: NormWeights;
  readonly layers: readonly EncoderLayerWeights[];
}

/** [in, out] of each linear of a layer. */
export function encoderLinearSizes(
  config: EncoderConfig,
): Readonly<Record<EncoderLinear, readonly [number, number]>> {
  const { hiddenSize, intermediateSize } = config;
  return {
    qkv: [hiddenSize, 3 * hiddenSize],
    o: [hiddenSize, hiddenSize],
    up: [hiddenSize, intermediateSize],
    down: [intermediateSize, hiddenSize],
  };
}

/** The serialized encoder. Weights are referred to in `dataFile`. */
export function emitEncoderGraph(
  config: EncoderConfig,
  weights: EncoderWeights,
  dataFile: string,
): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  const ids = graph.input('input_ids', 'int64', ['B', 'S']);
  const positions = graph.input('positions', 'int64', ['S']);
  const mask = graph.input('mask', 'int32', ['B', 'S']);
  graph.output('vectors', 'float32', ['B', config.hiddenSize]);
  const words = graph.node('Gather', [graph.external(weights.words), ids]);
  const places = graph.node('Gather', [graph.external(weights.positions), positions]);
  let x = norm(graph, config, graph.node('Add', [words, places]), weights.embeddingNorm);
  const linears = new LinearEmitter(graph);
  for (const layer of weights.layers) x = emitLayer(graph, linears, config, layer, x, mask);
  const pooled = pool(graph, config, x, mask);
  graph.nodeInto(['vectors'], 'Identity', [config.normalize ? unitLength(graph, pooled) : pooled]);
  return graph.finish(`${config.family}-encoder`);
}

function emitLayer(
  graph: GraphBuilder,
  linears: LinearEmitter,
  config: EncoderConfig,
  layer: EncoderLayerWeights,
  x: Value,
  mask: Value,
): Value {
  const parts = ['q', 'k', 'v'].map((part) => graph.name(part));
  const sizes = graph.constant('int64', [3], [config.hiddenSize, config.hiddenSize, config.hiddenSize]);
  graph.nodeInto(parts, 'Split', [linears.emit(x, layer.qkv), sizes], { axis: 2 });
  const inputs = [...parts, '', mask];
  const attended = graph.node('MultiHeadAttention', inputs, { num_heads: config.numHeads });
  const first = graph.node('Add', [x, linears.emit(attended, layer.o)]);
  const middle = norm(graph, config, first, layer.attentionNorm);
  const wide = graph.node('Gelu', [linears.emit(middle, layer.up)]);
  const second = graph.node('Add', [middle, linears.emit(wide, layer.down)]);
  return norm(graph, config, second, layer.outputNorm);
}

function norm(graph: GraphBuilder, config: EncoderConfig, x: Value, weights: NormWeights): Value {
  const inputs = [x, graph.external(weights.gain), graph.external(weights.bias)];
  return graph.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: config.layerNormEps } });
}

/** [B, S, hidden] → [B, hidden]: the first token's row, or the mean over the tokens that are not padding. */
function pool(graph: GraphBuilder, config: EncoderConfig, x: Value, mask: Value): Value {
  if (config.pooling === 'cls') {
    return graph.node('Gather', [x, graph.constant('int64', [], [0])], { axis: 1 });
  }
  const lastAxis = graph.constant('int64', [1], [-1]);
  const tokenAxis = graph.constant('int64', [1], [1]);
  const weights = graph.node('Cast', [mask], { to: 1 });
  const column = graph.node('Unsqueeze', [weights, lastAxis]);
  const sum = graph.node('ReduceSum', [graph.node('Mul', [x, column]), tokenAxis], { keepdims: 0 });
  return graph.node('Div', [sum, graph.node('ReduceSum', [weights, tokenAxis], { keepdims: 1 })]);
}

function unitLength(graph: GraphBuilder, x: Value): Value {
  const lastAxis = graph.constant('int64', [1], [-1]);
  const squares = graph.node('ReduceSum', [graph.node('Mul', [x, x]), lastAxis], { keepdims: 1 });
  return graph.node('Div', [x, graph.node('Sqrt', [squares])]);
}
