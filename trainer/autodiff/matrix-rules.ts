/** Gradients of products, norms and softmax. g is the gradient of the result y. */

import { invariant } from '../../core/invariant.ts';
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';
import { type Shape, sameShape } from './dims.ts';
import { meanLast, type Rule, type RuleInput, reshapeTo, scalar, sumLast, sumTo } from './rule.ts';
import { intOf } from './shapes.ts';

interface Flags {
  readonly transA: 0 | 1;
  readonly transB: 0 | 1;
  readonly alpha: number;
}

/** y = α · A · B, where A is a or its transpose, and B likewise. */
export const matMul: Rule = ({ graph, node, gradients, shape, needs }) => {
  const [a, b] = node.inputs as [Value, Value];
  const g = gradients[0]!;
  const { alpha: scale } = node.attributes;
  const alpha = typeof scale === 'object' && 'float' in scale ? scale.float : 1;
  const [ta, tb] = [intOf(node.attributes.transA, 0) === 1, intOf(node.attributes.transB, 0) === 1];
  const product = (x: Value, y: Value, transA: boolean, transB: boolean): Value =>
    emitProduct(graph, x, y, { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha });
  const ofLeft = (): Value => (ta ? product(b, g, tb, true) : product(g, b, false, !tb));
  if (isFlattened(shape(a), shape(b))) {
    invariant(!ta, 'rows of a transposed matrix are not flattened');
    const rows = (value: Value): Value => reshapeTo(graph, value, ['rows', shape(value).at(-1)!]);
    const gRows = reshapeTo(graph, g, ['rows', shape(b)[tb ? 0 : 1]!]);
    const ofRight = (): Value =>
      tb ? product(gRows, rows(a), true, false) : product(rows(a), gRows, true, false);
    return [needs(0) ? ofLeft() : null, needs(1) ? ofRight() : null];
  }
  invariant(sameShape(shape(a).slice(0, -2), shape(b).slice(0, -2)), 'batches of a product are alike');
  const ofRight = (): Value => (tb ? product(g, a, true, ta) : product(a, g, !ta, false));
  return [needs(0) ? ofLeft() : null, needs(1) ? ofRight() : null];
};

/** One matrix for all rows of a batch: its gradient is a sum over the batch, one product of flattened rows. */
const isFlattened = (a: Shape, b: Shape): boolean => b.length === 2 && a.length > 2;

function emitProduct(graph: GraphBuilder, a: Value, b: Value, { transA, transB, alpha }: Flags): Value {
  return graph.node('FusedMatMul', [a, b], { transA, transB, alpha: { float: alpha } });
}

/** y ∘ (g − Σ y∘g), along the last axis. */
export const softmax: Rule = ({ graph, node, gradients, shape }) => {
  checkLastAxis(node.attributes.axis, shape(node.inputs[0]!));
  const [y, g] = [node.results[0]!, gradients[0]!];
  const weighted = sumLast(graph, graph.node('Mul', [y, g]));
  return [graph.node('Mul', [y, graph.node('Sub', [g, weighted])])];
};

/** g − eʸ ∘ Σ g, along the last axis. */
export const logSoftmax: Rule = ({ graph, node, gradients, shape }) => {
  checkLastAxis(node.attributes.axis, shape(node.inputs[0]!));
  const [y, g] = [node.results[0]!, gradients[0]!];
  const spread = graph.node('Mul', [graph.node('Exp', [y]), sumLast(graph, g)]);
  return [graph.node('Sub', [g, spread])];
};

function checkLastAxis(attribute: Parameters<typeof intOf>[0], shape: Shape): void {
  const axis = intOf(attribute, -1);
  invariant(axis === -1 || axis === shape.length - 1, 'the axis is the last one');
}

const epsilonOf = ({ node }: RuleInput): number => {
  const { epsilon } = node.attributes;
  return typeof epsilon === 'object' && 'float' in epsilon ? epsilon.float : 1e-5;
};

/** x / sqrt(mean(x²) + ε) and the reciprocal of that root, which the forward operator keeps to itself. */
function rms(input: RuleInput, x: Value): { unit: Value; scale: Value } {
  const { graph } = input;
  const square = meanLast(graph, graph.node('Mul', [x, x]));
  const root = graph.node('Sqrt', [graph.node('Add', [square, scalar(graph, epsilonOf(input))])]);
  const scale = graph.node('Reciprocal', [root]);
  return { unit: graph.node('Mul', [x, scale]), scale };
}

/** Of y = u ∘ gain with u = x·r: ∂x = r ∘ (h − u · mean(h∘u)), h = g∘gain; ∂gain = Σ g∘u. */
function rmsNormGradients(input: RuleInput, x: Value, gain: Value, g: Value, gainInput: number) {
  const { graph, shape, needs } = input;
  const { unit, scale } = rms(input, x);
  const h = graph.node('Mul', [g, gain]);
  const along = graph.node('Mul', [unit, meanLast(graph, graph.node('Mul', [h, unit]))]);
  const ofX = graph.node('Mul', [graph.node('Sub', [h, along]), scale]);
  const ofGain = needs(gainInput) ? sumTo(graph, graph.node('Mul', [g, unit]), shape(x), shape(gain)) : null;
  return { ofX, ofGain };
}

/** RMSNorm (Zhang and Sennrich 2019): inputs x and gain. */
export const rmsNorm: Rule = (input) => {
  const [x, gain] = input.node.inputs as [Value, Value];
  const { ofX, ofGain } = rmsNormGradients(input, x, gain, input.gradients[0]!, 1);
  return [ofX, ofGain];
};

/** The sum s of residual and delta, normed: inputs residual, delta, gain; results normed, –, –, s. */
export const skipRmsNorm: Rule = (input) => {
  const { graph, node, gradients } = input;
  const gain = node.inputs[2]!;
  const [ofNormed, , , ofSum] = gradients as [Value | null, null, null, Value | null];
  if (ofNormed === null) return [ofSum, ofSum, null];
  const { ofX, ofGain } = rmsNormGradients(input, node.results[3]!, gain, ofNormed, 2);
  const total = ofSum === null ? ofX : graph.node('Add', [ofX, ofSum]);
  return [total, total, ofGain];
};

/** LayerNorm (Ba et al. 2016): u = (x − mean)·r; ∂x = r ∘ (h − mean(h) − u · mean(h∘u)), h = g∘gain. */
export const layerNorm: Rule = (input) => {
  const { graph, node, gradients, shape, needs } = input;
  const [x, gain, bias] = node.inputs as [Value, Value, Value];
  const g = gradients[0]!;
  const { unit, scale } = rms(input, graph.node('Sub', [x, meanLast(graph, x)]));
  const h = graph.node('Mul', [g, gain]);
  const along = graph.node('Mul', [unit, meanLast(graph, graph.node('Mul', [h, unit]))]);
  const centred = graph.node('Sub', [graph.node('Sub', [h, meanLast(graph, h)]), along]);
  const total = (value: Value): Value => sumTo(graph, value, shape(x), shape(gain));
  return [
    needs(0) ? graph.node('Mul', [centred, scale]) : null,
    needs(1) ? total(graph.node('Mul', [g, unit])) : null,
    bias !== undefined && needs(2) ? total(g) : null,
  ];
};

/** A rotation by the opposite angles. */
export const rotary: Rule = ({ graph, node, gradients }) => {
  const [, positions, cos, sin] = node.inputs as [Value, Value, Value, Value];
  const back = graph.node('Neg', [sin]);
  const inputs = [gradients[0]!, positions, cos, back];
  return [graph.node('RotaryEmbedding', inputs, node.attributes), null, null, null];
};
