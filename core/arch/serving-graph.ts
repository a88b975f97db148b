/**
 * The graph that serves: one step over flat tokens [1, T], the first n of them one per decoding sequence,
 * the rest a chunk of one prompt. Attention writes new keys and values in place into the slots' cache, which
 * comes in as an input and goes out as an output over the same memory; each row costs its valid length only.
 *
 * Inputs: input_ids int64 [1, T] · split int64 [2] = [n, T - n], both ≥ 1 · rows int64 [R], whose logits are wanted ·
 *   decode_lengths int32 [n], chunk_lengths int32 [1]: total length after the step, minus one ·
 *   decode_total, chunk_total int32 [1]: the longest total length · {decode,chunk}_{k,v}_<layer> fp32
 *   [n or 1, kvHeads, maxContext, headSize].
 * With adapters, whose factors stack up to S groups of 8 rows, of each kind of linear as many as it needs:
 *   lora_<layer>_<linear>_a fp32 [S, 8, in], _b [8·S, out] · lora_mask_<linear> fp32 [S, T, 8], which selects, and scales,
 *   each token's rows.
 * Outputs: complete, an empty sequence · logits fp32 [R, vocab] · the caches, suffix _out.
 */
import { type Dim, GraphBuilder, type Value } from '../onnx/graph.ts';
import type { DecoderConfig } from './config.ts';
import {
  attentionAttributes,
  type DecoderPlugs,
  type DecoderWeights,
  emitDecoder,
  emitHead,
  type LayerLinear,
  layerLinears,
  linearSizes,
} from './decoder.ts';

const groups = ['decode', 'chunk'] as const;
type Group = (typeof groups)[number];

export interface ServingGraph {
  /** Name in a version's folder. */
  readonly file: string;
  /** Linears that adapters may change. */
  readonly adapted: readonly LayerLinear[];
}

/**
 * Those of a version, the smallest first. An adapter costs a step little arithmetic, but six more nodes for each linear: on
 * the gate linears alone, as the trainer makes them, a fifth of what it costs everywhere.
 */
export const servingGraphs: readonly ServingGraph[] = [
  { file: 'serving.onnx', adapted: [] },
  { file: 'serving-gate-adapters.onnx', adapted: ['gate'] },
  { file: 'serving-adapters.onnx', adapted: layerLinears },
];

/** Name of a cache input; its output has the suffix "_out". */
export function cacheName(group: Group, part: 'k' | 'v', layer: number): string {
  return `${group}_${part}_${layer}`;
}

/** The serialized serving model. Weights are referred to in `dataFile`. */
export function emitServingGraph(
  config: DecoderConfig,
  weights: DecoderWeights,
  dataFile: string,
  adapted: readonly LayerLinear[],
): Uint8Array {
  const graph = new GraphBuilder(dataFile);
  // First of all outputs: see server/models/onnxruntime/step-engine.ts for what it is good for.
  graph.sequenceOutput('complete');
  graph.nodeInto(['complete'], 'SequenceEmpty', []);
  const ids = graph.input('input_ids', 'int64', [1, 'T']);
  const rows = graph.input('rows', 'int64', ['R']);
  graph.output('logits', 'float32', ['R', config.vocabSize]);
  const hidden = emitDecoder(graph, config, weights, ids, {
    attention: inPlaceAttention(graph, config, weights),
    adapt: loraAdapter(graph, config, adapted),
  });
  graph.nodeInto(['logits'], 'Identity', [emitHead(graph, config, weights, hidden, rows)]);
  return graph.finish(`${config.family}-serving`);
}

function inPlaceAttention(
  graph: GraphBuilder,
  config: DecoderConfig,
  weights: DecoderWeights,
): DecoderPlugs['attention'] {
  const split = graph.input('split', 'int64', [2]);
  const lengths = {
    decode: graph.input('decode_lengths', 'int32', ['n']),
    chunk: graph.input('chunk_lengths', 'int32', [1]),
  };
  const totals = {
    decode: graph.input('decode_total', 'int32', [1]),
    chunk: graph.input('chunk_total', 'int32', [1]),
  };
  const qkvWidth = linearSizes(config).qkv[1];
  const shapes = { decode: [-1, 1, qkvWidth], chunk: [1, -1, qkvWidth] };
  const merged = graph.constant('int64', [3], [1, -1, config.numHeads * config.headSize]);

  return (layer, qkv) => {
    const parts = groups.map((group) => graph.name(`${group}_qkv`));
    graph.nodeInto(parts, 'Split', [qkv, split], { axis: 1 });
    const outputs = groups.map((group, index) => {
      const grouped = graph.node('Reshape', [parts[index]!, graph.constant('int64', [3], shapes[group])]);
      const caches = declareCaches(graph, config, group, layer);
      const inputs = [grouped, '', '', ...caches, lengths[group], totals[group]];
      const tables = [graph.external(weights.cos), graph.external(weights.sin)];
      const result = graph.name(`${group}_attention`);
      const results = [result, ...caches.map((name) => `${name}_out`)];
      graph.nodeInto(results, 'GroupQueryAttention', [...inputs, ...tables], attentionAttributes(config));
      return graph.node('Reshape', [result, merged]);
    });
    return graph.node('Concat', outputs, { axis: 1 });
  };
}

function declareCaches(graph: GraphBuilder, config: DecoderConfig, group: Group, layer: number): Value[] {
  const dims: Dim[] = [group === 'decode' ? 'n' : 1, config.numKvHeads, `P_${group}`, config.headSize];
  return (['k', 'v'] as const).map((part) => {
    const name = cacheName(group, part, layer);
    graph.output(`${name}_out`, 'float32', dims);
    return graph.input(name, 'float32', dims);
  });
}

/**
 * Rows of stacked factors that one product takes. The runtime cuts a product of more than 16 columns, and so the order of
 * its sums, by the number of tokens and of threads; of up to 16, a token's sums are the same bits whatever is beside it.
 */
export const loraGroup = 8;

/** Of an adapted linear y + ((x·Aᵀ) ∘ mask)·B: a product for each group of rows, of all adapters of the batch; the mask keeps each token to its own. */
function loraAdapter(
  graph: GraphBuilder,
  config: DecoderConfig,
  adapted: readonly LayerLinear[],
): DecoderPlugs['adapt'] {
  if (adapted.length === 0) return (_layer, _linear, _x, y) => y;
  const masks = new Map(
    adapted.map((linear) => [
      linear,
      graph.input(loraMaskName(linear), 'float32', [`groups_${linear}`, 'T', loraGroup]),
    ]),
  );
  const sizes = linearSizes(config);
  const flatShape = graph.constant('int64', [2], [0, -1]);
  return (layer, linear, x, y) => {
    const mask = masks.get(linear);
    if (mask === undefined) return y;
    const [inSize, outSize] = sizes[linear];
    const a = graph.input(loraName(layer, linear, 'a'), 'float32', [`groups_${linear}`, loraGroup, inSize]);
    const b = graph.input(loraName(layer, linear, 'b'), 'float32', [`rows_${linear}`, outSize]);
    const low = graph.node('FusedMatMul', [x, a], { transA: 0, transB: 1 });
    const masked = graph.node('Mul', [low, mask]);
    const byToken = graph.node('Transpose', [masked], { perm: { ints: [1, 0, 2] } });
    const flat = graph.node('Reshape', [byToken, flatShape]);
    return graph.node('Add', [y, graph.node('MatMul', [flat, b])]);
  };
}

/** Names of adapter inputs. */
export const loraName = (layer: number, linear: LayerLinear, side: 'a' | 'b'): string =>
  `lora_${layer}_${linear}_${side}`;
export const loraMaskName = (linear: LayerLinear): string => `lora_mask_${linear}`;
