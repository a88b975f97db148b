/** Gradients of operators that work element by element. y is the result, g its gradient. */
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';
import { broadcast } from './dims.ts';
import { type Rule, type RuleInput, scalar, sumTo } from './rule.ts';

/** ∂y/∂x times g, from x and y. */
type Derivative = (graph: GraphBuilder, value: { x: Value; y: Value; g: Value }, input: RuleInput) => Value;

export function unary(derivative: Derivative): Rule {
  return (input) => {
    const { graph, node, gradients } = input;
    const value = { x: node.inputs[0]!, y: node.results[0]!, g: gradients[0]! };
    return [derivative(graph, value, input)];
  };
}

/** Of both operands; each is summed to its operand's shape. */
function binary(
  left: (graph: GraphBuilder, a: Value, b: Value, g: Value) => Value,
  right: (graph: GraphBuilder, a: Value, b: Value, g: Value) => Value,
): Rule {
  return ({ graph, node, gradients, shape, needs }) => {
    const [a, b] = node.inputs as [Value, Value];
    const whole = broadcast(shape(a), shape(b));
    const g = gradients[0]!;
    return [
      needs(0) ? sumTo(graph, left(graph, a, b, g), whole, shape(a)) : null,
      needs(1) ? sumTo(graph, right(graph, a, b, g), whole, shape(b)) : null,
    ];
  };
}

const mul = (graph: GraphBuilder, a: Value, b: Value): Value => graph.node('Mul', [a, b]);
const times = (graph: GraphBuilder, a: Value, factor: number): Value => mul(graph, a, scalar(graph, factor));
const oneMinus = (graph: GraphBuilder, a: Value): Value => graph.node('Sub', [scalar(graph, 1), a]);

export const add = binary(
  (_graph, _a, _b, g) => g,
  (_graph, _a, _b, g) => g,
);

export const subtract = binary(
  (_graph, _a, _b, g) => g,
  (graph, _a, _b, g) => graph.node('Neg', [g]),
);

export const multiply = binary(
  (graph, _a, b, g) => mul(graph, g, b),
  (graph, a, _b, g) => mul(graph, g, a),
);

/** ∂(a/b)/∂b = −a/b². */
export const divide = binary(
  (graph, _a, b, g) => graph.node('Div', [g, b]),
  (graph, a, b, g) => graph.node('Neg', [graph.node('Div', [mul(graph, g, a), mul(graph, b, b)])]),
);

export const exponential = unary((graph, { y, g }) => mul(graph, g, y));
export const negation = unary((graph, { g }) => graph.node('Neg', [g]));
/** −y². */
export const reciprocal = unary((graph, { y, g }) => graph.node('Neg', [mul(graph, g, mul(graph, y, y))]));
/** 1 / (2y). */
export const squareRoot = unary((graph, { y, g }) => graph.node('Div', [times(graph, g, 0.5), y]));
/** y (1 − y). */
export const sigmoid = unary((graph, { y, g }) => mul(graph, g, mul(graph, y, oneMinus(graph, y))));
/** ln(1 + eˣ) has the derivative sigmoid(x). */
export const softplus = unary((graph, { x, g }) => mul(graph, g, graph.node('Sigmoid', [x])));
/** 1 − y². */
export const tanh = unary((graph, { y, g }) => mul(graph, g, oneMinus(graph, mul(graph, y, y))));

const gaussian = (graph: GraphBuilder, x: Value, exponent: number): Value =>
  graph.node('Exp', [times(graph, mul(graph, x, x), exponent)]);

/** 2/√π · exp(−x²). */
export const erf = unary((graph, { x, g }) =>
  mul(graph, g, times(graph, gaussian(graph, x, -1), 2 / Math.sqrt(Math.PI))),
);

/** x·Φ(x): Φ(x) + x·φ(x), with φ the standard normal density. */
export const gelu = unary((graph, { x, g }) => {
  const half = graph.node('Erf', [times(graph, x, Math.SQRT1_2)]);
  const cumulative = times(graph, graph.node('Add', [half, scalar(graph, 1)]), 0.5);
  const density = times(graph, gaussian(graph, x, -0.5), 1 / Math.sqrt(2 * Math.PI));
  return mul(graph, g, graph.node('Add', [cumulative, mul(graph, x, density)]));
});

/** x·s with s = sigmoid(αx): s + αx·s·(1 − s) = s·(1 + αx − αy), since y = x·s. */
export const quickGelu = unary((graph, { x, y, g }, { node }) => {
  const { alpha } = node.attributes;
  const slope = typeof alpha === 'object' && 'float' in alpha ? alpha.float : 1.702;
  const scaled = slope === 1 ? x : times(graph, x, slope);
  const rest = slope === 1 ? y : times(graph, y, slope);
  const s = graph.node('Sigmoid', [scaled]);
  const inner = graph.node('Sub', [graph.node('Add', [scaled, scalar(graph, 1)]), rest]);
  return mul(graph, g, mul(graph, s, inner));
});
