/** What a gradient rule is given, and what it gives. */
import type { GraphBuilder, GraphNode, Value } from '../../core/onnx/graph.ts';
import { type Shape, sameShape } from './dims.ts';

export interface RuleInput {
  readonly graph: GraphBuilder;
  readonly node: GraphNode;
  /** ∂loss/∂result, where the loss depends on the result. */
  readonly gradients: readonly (Value | null)[];
  shape(value: Value): Shape;
  /** Whether ∂loss/∂input is wanted. */
  needs(input: number): boolean;
}

/** ∂loss/∂input for each input, by node operations that it adds to the graph; null where it is not wanted. */
export type Rule = (input: RuleInput) => readonly (Value | null)[];

const lastAxis = (graph: GraphBuilder): Value => graph.constant('int64', [1], [-1]);

/** Sum over the last axis, which stays with size 1. */
export function sumLast(graph: GraphBuilder, x: Value): Value {
  return graph.node('ReduceSum', [x, lastAxis(graph)], { keepdims: 1 });
}

export function meanLast(graph: GraphBuilder, x: Value): Value {
  return graph.node('ReduceMean', [x, lastAxis(graph)], { keepdims: 1 });
}

export const scalar = (graph: GraphBuilder, value: number): Value => graph.constant('float32', [], [value]);

/** Zeros of the shape of `like`. */
export function zerosLike(graph: GraphBuilder, like: Value): Value {
  return graph.node('ConstantOfShape', [graph.node('Shape', [like])]);
}

/** A reshape to a shape of which at most one size is known only by name. */
export function reshapeTo(graph: GraphBuilder, x: Value, shape: Shape): Value {
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : -1));
  return graph.node('Reshape', [x, graph.constant('int64', [dims.length], dims)]);
}

/** The gradient of a value that was broadcast: summed over what broadcasting repeated. */
export function sumTo(graph: GraphBuilder, gradient: Value, from: Shape, to: Shape): Value {
  if (sameShape(from, to)) return gradient;
  const missing = from.length - to.length;
  const axes = from.flatMap((dim, axis) => {
    const repeated = axis < missing || (to[axis - missing] === 1 && dim !== 1);
    return repeated ? [axis] : [];
  });
  if (axes.length === 0) return reshapeTo(graph, gradient, to);
  const summed = graph.node('ReduceSum', [gradient, graph.constant('int64', [axes.length], axes)], {
    keepdims: 1,
  });
  return missing === 0 ? summed : reshapeTo(graph, summed, to);
}
