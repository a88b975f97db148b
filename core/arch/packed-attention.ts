/**
 * Causal attention over several sequences packed side by side, [1, T], in plain operators: what can be differentiated.
 * Inputs it adds: positions int64 [1, T], each token's place in its own sequence · mask fp32 [T, T], added to the
 * scores: 0 where the row's token sees the column's, a large negative number elsewhere.
 */
import type { GraphBuilder, Value } from '../onnx/graph.ts';
import type { DecoderConfig } from './config.ts';
import type { DecoderPlugs, DecoderWeights } from './decoder.ts';

export function packedAttention(
  graph: GraphBuilder,
  config: DecoderConfig,
  tables: Pick<DecoderWeights, 'cos' | 'sin'>,
): DecoderPlugs['attention'] {
  const { numHeads, numKvHeads, headSize } = config;
  const numShared = numHeads / numKvHeads;
  const positions = graph.input('positions', 'int64', [1, 'T']);
  const mask = graph.input('mask', 'float32', ['T', 'T']);
  const masks = Array.from({ length: numShared }, () => mask);
  const masked = numShared === 1 ? mask : graph.node('Concat', masks, { axis: 0 });
  const shape = (...dims: number[]): Value => graph.constant('int64', [dims.length], dims);
  const transpose = (x: Value, ...perm: number[]): Value =>
    graph.node('Transpose', [x], { perm: { ints: perm } });
  const rotate = (x: Value): Value =>
    graph.node('RotaryEmbedding', [x, positions, graph.external(tables.cos), graph.external(tables.sin)]);
  /** [1, T, kvHeads · headSize] → [kvHeads, T, headSize]. */
  const byHead = (x: Value): Value =>
    transpose(graph.node('Reshape', [x, shape(-1, numKvHeads, headSize)]), 1, 0, 2);

  return (_layer, qkv) => {
    const parts = ['q', 'k', 'v'].map((part) => graph.name(part));
    const widths = [numHeads, numKvHeads, numKvHeads].map((heads) => heads * headSize);
    graph.nodeInto(parts, 'Split', [qkv, shape(...widths)], { axis: 2 });
    const [q, k, v] = parts as [Value, Value, Value];
    // Query heads that share a key head stand below each other: one product for all of them.
    const heads = graph.node('Reshape', [rotate(q), shape(-1, numKvHeads, numShared, headSize)]);
    const queries = graph.node('Reshape', [transpose(heads, 1, 2, 0, 3), shape(numKvHeads, -1, headSize)]);
    const scale = { transB: 1, alpha: { float: 1 / Math.sqrt(headSize) } };
    const scores = graph.node('FusedMatMul', [queries, byHead(rotate(k))], scale);
    const weights = graph.node('Softmax', [graph.node('Add', [scores, masked])], { axis: -1 });
    const mixed = graph.node('MatMul', [weights, byHead(v)]);
    const apart = graph.node('Reshape', [mixed, shape(numKvHeads, numShared, -1, headSize)]);
    return graph.node('Reshape', [transpose(apart, 2, 0, 1, 3), shape(1, -1, numHeads * headSize)]);
  };
}
