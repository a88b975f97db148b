/** Shapes of a graph's values, by rules for the operators that differentiable graphs are made of. */
import { invariant } from '../../core/invariant.ts';
import type { Attribute, GraphBuilder, GraphNode, Value } from '../../core/onnx/graph.ts';
import type { Op } from '../../core/onnx/ops.ts';
import { axisOf, broadcast, product, quotient, type Shape, sum } from './dims.ts';

interface ShapeInput {
  readonly node: GraphNode;
  /** Of the inputs; an input that is left out has none. */
  readonly shapes: readonly Shape[];
  /** Values of an input that is a small constant. */
  constant(index: number): readonly number[];
}

/** Shapes of the results, as many as the rule knows. */
type ShapeRule = (input: ShapeInput) => readonly Shape[];

export function intOf(attribute: Attribute | undefined, otherwise: number): number {
  return typeof attribute === 'number' ? attribute : otherwise;
}

const same: ShapeRule = ({ shapes }) => [shapes[0]!];
const elementwise: ShapeRule = ({ shapes }) => [broadcast(shapes[0]!, shapes[1]!)];

const matMul: ShapeRule = ({ node, shapes }) => {
  const flip = (shape: Shape, on: boolean): Shape =>
    on ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
  const a = flip(shapes[0]!, intOf(node.attributes.transA, 0) === 1);
  const b = flip(shapes[1]!, intOf(node.attributes.transB, 0) === 1);
  invariant(a.at(-1) === b.at(-2), `[${a}] · [${b}] is a product`);
  return [[...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!]];
};

const reduce: ShapeRule = ({ node, shapes, constant }) => {
  const [x] = shapes as [Shape];
  const axes = node.inputs[1] ? constant(1).map((axis) => axisOf(axis, x)) : x.map((_, index) => index);
  const keeps = intOf(node.attributes.keepdims, 1) === 1;
  return [x.flatMap((dim, index) => (axes.includes(index) ? (keeps ? [1] : []) : [dim]))];
};

const gather: ShapeRule = ({ node, shapes }) => {
  const [x, indices] = shapes as [Shape, Shape];
  const axis = axisOf(intOf(node.attributes.axis, 0), x);
  return [[...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]];
};

const reshape: ShapeRule = ({ shapes, constant }) => {
  const [x] = shapes as [Shape];
  const wanted = constant(1).map((dim, index) => (dim === 0 ? x[index]! : dim));
  const known = product(wanted.filter((dim) => dim !== -1));
  return [wanted.map((dim) => (dim === -1 ? quotient(product(x), known) : dim))];
};

const transpose: ShapeRule = ({ node, shapes }) => {
  const perm = node.attributes.perm;
  invariant(typeof perm === 'object' && 'ints' in perm, 'a transposition names its order');
  return [perm.ints.map((axis) => shapes[0]![axis]!)];
};

const split: ShapeRule = ({ node, shapes, constant }) => {
  const [x] = shapes as [Shape];
  const axis = axisOf(intOf(node.attributes.axis, 0), x);
  return constant(1).map((size) => x.map((dim, index) => (index === axis ? size : dim)));
};

const concat: ShapeRule = ({ node, shapes }) => {
  const axis = axisOf(intOf(node.attributes.axis, 0), shapes[0]!);
  const joined = sum(shapes.map((shape) => shape[axis]!));
  return [shapes[0]!.map((dim, index) => (index === axis ? joined : dim))];
};

const unsqueeze: ShapeRule = ({ shapes, constant }) => {
  const rank = shapes[0]!.length + constant(1).length;
  const axes = constant(1).map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...shapes[0]!];
  return [Array.from({ length: rank }, (_, index) => (axes.includes(index) ? 1 : rest.shift()!))];
};

const indexed: ShapeRule = ({ shapes }) => [shapes[1]!];
/** Normed, mean and deviation (never used), and the sum of residual and delta. */
const skipNorm: ShapeRule = ({ shapes }) => [shapes[0]!, [], [], shapes[0]!];

/** Null: the operator occurs in no graph that is differentiated. */
const shapeRules: Readonly<Record<Op, ShapeRule | null>> = {
  Abs: same,
  Add: elementwise,
  Cast: same,
  Concat: concat,
  ConstantOfShape: null,
  Div: elementwise,
  Erf: same,
  Exp: same,
  FusedMatMul: matMul,
  Gather: gather,
  GatherElements: indexed,
  Gelu: same,
  GroupQueryAttention: null,
  Identity: same,
  LayerNormalization: same,
  LogSoftmax: same,
  MatMul: matMul,
  MatMulIntegerToFloat: null,
  MatMulNBits: null,
  Mul: elementwise,
  MultiHeadAttention: null,
  Neg: same,
  QuantizeLinear: same,
  QuickGelu: same,
  Reciprocal: same,
  ReduceMax: reduce,
  ReduceMean: reduce,
  ReduceSum: reduce,
  Reshape: reshape,
  RotaryEmbedding: same,
  ScatterElements: same,
  ScatterND: same,
  SequenceEmpty: null,
  Shape: null,
  Sigmoid: same,
  SimplifiedLayerNormalization: same,
  SkipSimplifiedLayerNormalization: skipNorm,
  Softmax: same,
  Softplus: same,
  Split: split,
  Sqrt: same,
  Sub: elementwise,
  Tanh: same,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};

/** Shapes of all declared values and of the results of all nodes so far. */
export function inferShapes(graph: GraphBuilder): Map<Value, Shape> {
  const shapes = new Map<Value, Shape>();
  for (const [name, { dims }] of graph.declared) shapes.set(name, dims);
  for (const node of graph.nodes) {
    const rule = shapeRules[node.op];
    if (rule === null) continue;
    const inputs = node.inputs.map((name) => shapes.get(name) ?? []);
    const constant = (index: number): readonly number[] => {
      const values = graph.declared.get(node.inputs[index] ?? '')?.values;
      invariant(values != null, `input ${index} of ${node.op} is a constant`);
      return values;
    };
    const results = rule({ node, shapes: inputs, constant });
    node.results.forEach((name, index) => {
      if (name !== '' && results[index] !== undefined) shapes.set(name, results[index]);
    });
  }
  return shapes;
}
