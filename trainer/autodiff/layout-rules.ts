/** Gradients of operators that move elements, choose or add them up. g is the gradient of the result. */
import { invariant } from '../../core/invariant.ts';
import type { Value } from '../../core/onnx/graph.ts';
import { axisOf, type Shape } from './dims.ts';
import { type Rule, reshapeTo, scalar, zerosLike } from './rule.ts';
import { intOf } from './shapes.ts';

export const identity: Rule = ({ gradients }) => [gradients[0]!];

/** Reshape and Unsqueeze: the elements in the old shape. */
export const relabel: Rule = ({ graph, node, gradients, shape }) => [
  reshapeTo(graph, gradients[0]!, shape(node.inputs[0]!)),
  null,
];

export const transpose: Rule = ({ graph, node, gradients }) => {
  const { perm } = node.attributes;
  invariant(typeof perm === 'object' && 'ints' in perm, 'a transposition names its order');
  const back = perm.ints.map((_, axis) => perm.ints.indexOf(axis));
  return [graph.node('Transpose', [gradients[0]!], { perm: { ints: back } })];
};

/** Parts that the loss does not depend on have a gradient of zero. */
export const split: Rule = ({ graph, node, gradients }) => {
  const parts = node.results.map((part, index) => gradients[index] ?? zerosLike(graph, part));
  return [graph.node('Concat', parts, { axis: intOf(node.attributes.axis, 0) }), null];
};

export const concat: Rule = ({ graph, node, gradients, shape }) => {
  const axis = axisOf(intOf(node.attributes.axis, 0), shape(node.inputs[0]!));
  const sizes = node.inputs.map((name) => shape(name)[axis]!);
  const results = node.inputs.map(() => graph.name('part'));
  graph.nodeInto(results, 'Split', [gradients[0]!, graph.constant('int64', [sizes.length], fixed(sizes))], {
    axis,
  });
  return results;
};

function fixed(sizes: Shape): number[] {
  return sizes.map((size) => {
    invariant(typeof size === 'number', 'parts of a concatenation have fixed sizes');
    return size;
  });
}

/** Rows that were taken several times get the sum. */
export const gather: Rule = ({ graph, node, gradients, shape }) => {
  const [x, indices] = node.inputs as [Value, Value];
  invariant(axisOf(intOf(node.attributes.axis, 0), shape(x)) === 0, 'rows are gathered along the first axis');
  const places = graph.node('Unsqueeze', [indices, graph.constant('int64', [1], [-1])]);
  const reduction = { reduction: { text: 'add' } };
  return [graph.node('ScatterND', [zerosLike(graph, x), places, gradients[0]!], reduction), null];
};

export const gatherElements: Rule = ({ graph, node, gradients }) => {
  const [x, indices] = node.inputs as [Value, Value];
  const attributes = { axis: intOf(node.attributes.axis, 0), reduction: { text: 'add' } };
  return [graph.node('ScatterElements', [zerosLike(graph, x), indices, gradients[0]!], attributes), null];
};

/** Repeats g over the axes that were summed. */
export const reduceSum: Rule = ({ graph, node, gradients, shape }) => {
  const x = node.inputs[0]!;
  return [graph.node('Add', [zerosLike(graph, x), keptAxes({ graph, node, gradients, shape })]), null];
};

export const reduceMean: Rule = ({ graph, node, gradients, shape }) => {
  const x = node.inputs[0]!;
  const axes = node.inputs[1] ? axesOf(graph.declared.get(node.inputs[1])!.values!, shape(x)) : [];
  const sizes = fixed(axes.map((axis) => shape(x)[axis]!));
  invariant(axes.length > 0, 'a mean names its axes');
  const count = sizes.reduce((product, size) => product * size, 1);
  const share = graph.node('Mul', [keptAxes({ graph, node, gradients, shape }), scalar(graph, 1 / count)]);
  return [graph.node('Add', [zerosLike(graph, x), share]), null];
};

const axesOf = (axes: readonly number[], shape: Shape): number[] => axes.map((axis) => axisOf(axis, shape));

/** g with the reduced axes as ones, so that it broadcasts. */
function keptAxes({ graph, node, gradients, shape }: Omit<Parameters<Rule>[0], 'needs'>): Value {
  const x = node.inputs[0]!;
  const g = gradients[0]!;
  if (intOf(node.attributes.keepdims, 1) === 1 || !node.inputs[1]) return g;
  const axes = axesOf(graph.declared.get(node.inputs[1])!.values!, shape(x)).sort((a, b) => a - b);
  return graph.node('Unsqueeze', [g, graph.constant('int64', [axes.length], axes)]);
}
