/**
 * The decoder family (Llama, Mistral, Qwen2, Qwen3) as one description: what a layer computes.
 * How attention reaches its past, and what may be added to a linear, comes from the graph that is made of it.
 */
import type { ExternalTensor, GraphBuilder, Value } from '../onnx/graph.ts';
import type { DecoderConfig } from './config.ts';
import { LinearEmitter, type LinearWeight } from './linear.ts';

export const layerLinears = ['qkv', 'o', 'gate', 'up', 'down'] as const;
export type LayerLinear = (typeof layerLinears)[number];

export interface DecoderLayerWeights extends Readonly<Record<LayerLinear, LinearWeight>> {
  /** RMSNorm gains, [hidden]; ones where the gain is folded into the readers. */
  readonly attentionNorm: ExternalTensor;
  readonly mlpNorm: ExternalTensor;
  /** Per-head gains, [headSize], with qkNorm. */
  readonly qNorm: ExternalTensor | null;
  readonly kNorm: ExternalTensor | null;
}

export interface DecoderWeights {
  readonly embedding: ExternalTensor;
  readonly layers: readonly DecoderLayerWeights[];
  readonly finalNorm: ExternalTensor;
  readonly head: LinearWeight;
  /** Rotary tables, [maxContext, headSize / 2]. */
  readonly cos: ExternalTensor;
  readonly sin: ExternalTensor;
}

/** What differs between the graphs made of one decoder. Tokens are [batch, length]. */
export interface DecoderPlugs {
  /** qkv [batch, length, (heads + 2·kvHeads)·headSize] → attention output [batch, length, heads·headSize]. */
  attention(layer: number, qkv: Value): Value;
  /** Called with every layer linear's input and output; returns the output to use. */
  adapt(layer: number, linear: LayerLinear, x: Value, y: Value): Value;
}

/** [in, out] of each linear of a layer. */
export function linearSizes(config: DecoderConfig): Readonly<Record<LayerLinear, readonly [number, number]>> {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headSize } = config;
  return {
    qkv: [hiddenSize, (numHeads + 2 * numKvHeads) * headSize],
    o: [numHeads * headSize, hiddenSize],
    gate: [hiddenSize, intermediateSize],
    up: [hiddenSize, intermediateSize],
    down: [intermediateSize, hiddenSize],
  };
}

/** Attributes of GroupQueryAttention that follow from the configuration. */
export function attentionAttributes(config: DecoderConfig) {
  return {
    num_heads: config.numHeads,
    kv_num_heads: config.numKvHeads,
    do_rotary: 1,
    scale: { float: 1 / Math.sqrt(config.headSize) },
    ...(config.slidingWindow === null ? {} : { local_window_size: config.slidingWindow }),
  } as const;
}

/** Emits the whole decoder; `ids` is int64 [batch, length]. Returns the normalized hidden states [batch, length, hidden]. */
export function emitDecoder(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
  ids: Value,
  plugs: DecoderPlugs,
): Value {
  const embedded = graph.node('Gather', [graph.external(weights.embedding), ids]);
  return emitLayers(graph, config, weights, embedded, plugs).normed;
}

/** Emits the layers alone: residual in [batch, length, hidden], residual out and its final norm. */
export function emitLayers(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: Pick<DecoderWeights, 'layers' | 'finalNorm'>,
  input: Value,
  plugs: DecoderPlugs,
): { residual: Value; normed: Value } {
  const norms = { epsilon: { float: config.rmsNormEps } };
  const linears = new LinearEmitter(graph);
  const gain = (layer: number): Value =>
    graph.external(weights.layers[layer]?.attentionNorm ?? weights.finalNorm);
  let residual = input;
  let normed = graph.node('SimplifiedLayerNormalization', [residual, gain(0)], { ...norms, axis: -1 });

  /** residual + delta, and its norm, in one operator. */
  function addAndNorm(delta: Value, normGain: Value): void {
    const [normedNext, residualNext] = [graph.name('normed'), graph.name('residual')];
    const results = [normedNext, '', '', residualNext];
    graph.nodeInto(results, 'SkipSimplifiedLayerNormalization', [residual, delta, normGain], norms);
    [normed, residual] = [normedNext, residualNext];
  }

  weights.layers.forEach((layer, index) => {
    const linear = (name: LayerLinear, x: Value): Value =>
      plugs.adapt(index, name, x, linears.emit(x, layer[name]));
    const qkv = normalizeHeads(graph, config, layer, linear('qkv', normed));
    addAndNorm(linear('o', plugs.attention(index, qkv)), graph.external(layer.mlpNorm));
    const gate = graph.node('QuickGelu', [linear('gate', normed)], { alpha: { float: 1 } });
    const gated = graph.node('Mul', [gate, linear('up', normed)]);
    addAndNorm(linear('down', gated), gain(index + 1));
  });
  return { residual, normed };
}

/**
 * Causal attention over whole right-padded sequences, without a cache.
 * `lengths` is int32 [batch], each length minus one; `total` int32 [1], the padded length.
 */
export function wholeAttention(
  graph: GraphBuilder,
  config: DecoderConfig,
  tables: Pick<DecoderWeights, 'cos' | 'sin'>,
  lengths: Value,
  total: Value,
): DecoderPlugs['attention'] {
  return (_layer, qkv) => {
    const results = ['attention', 'k', 'v'].map((hint) => graph.name(hint));
    const inputs = [
      qkv,
      '',
      '',
      '',
      '',
      lengths,
      total,
      graph.external(tables.cos),
      graph.external(tables.sin),
    ];
    graph.nodeInto(results, 'GroupQueryAttention', inputs, attentionAttributes(config));
    return results[0]!;
  };
}

/** Qwen3: RMSNorm over each head of q and k, before the rotary embedding. */
function normalizeHeads(
  graph: GraphBuilder,
  config: DecoderConfig,
  layer: DecoderLayerWeights,
  qkv: Value,
): Value {
  if (layer.qNorm === null || layer.kNorm === null) return qkv;
  const { numHeads, numKvHeads, headSize, rmsNormEps } = config;
  const widths = [numHeads * headSize, numKvHeads * headSize, numKvHeads * headSize];
  const parts = widths.map((_, index) => graph.name(`qkv${index}`));
  graph.nodeInto(parts, 'Split', [qkv, graph.constant('int64', [3], widths)], { axis: -1 });
  const [q, k, v] = parts as [Value, Value, Value];
  const normed = (x: Value, heads: number, norm: ExternalTensor): Value => {
    const split = graph.node('Reshape', [x, graph.constant('int64', [4], [0, 0, heads, headSize])]);
    const attributes = { epsilon: { float: rmsNormEps }, axis: -1 };
    const scaled = graph.node('SimplifiedLayerNormalization', [split, graph.external(norm)], attributes);
    return graph.node('Reshape', [scaled, graph.constant('int64', [3], [0, 0, heads * headSize])]);
  };
  const merged = [normed(q, numHeads, layer.qNorm), normed(k, numKvHeads, layer.kNorm), v];
  return graph.node('Concat', merged, { axis: -1 });
}

/** Logits [rows, vocab] of the chosen rows of the flattened hidden states; other rows' logits are never computed. */
export function emitHead(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
  hidden: Value,
  rows: Value,
): Value {
  const flat = graph.node('Reshape', [hidden, graph.constant('int64', [2], [-1, config.hiddenSize])]);
  return new LinearEmitter(graph).emit(graph.node('Gather', [flat, rows]), weights.head);
}
