/** Adds to a graph the nodes that compute the gradient of its loss, walking its nodes from the last to the first. */
import { invariant } from '../../core/invariant.ts';
import type { GraphBuilder, GraphNode, Value } from '../../core/onnx/graph.ts';
import type { Shape } from './dims.ts';
import { scalar } from './rule.ts';
import { gradientRules } from './rules.ts';
import { inferShapes } from './shapes.ts';

/**
 * ∂loss/∂parameter for each parameter, as values of the graph. `loss` is a scalar, parameters are inputs or weights.
 * Throws when an operator on the way has no gradient, or when the loss does not depend on a parameter.
 */
export function addGradients(
  graph: GraphBuilder,
  loss: Value,
  parameters: readonly Value[],
): Map<Value, Value> {
  const shapes = inferShapes(graph);
  const shape = (value: Value): Shape => {
    const found = shapes.get(value);
    invariant(found !== undefined, `the shape of ${value} is known`);
    return found;
  };
  invariant(shape(loss).length === 0, 'a loss is a scalar');
  const forward = [...graph.nodes];
  const varying = varyingValues(forward, parameters);
  const parts = new Map<Value, Value[]>([[loss, [scalar(graph, 1)]]]);
  const total = (value: Value): Value | null => {
    const found = parts.get(value);
    if (found === undefined) return null;
    const sum = found.reduce((a, b) => graph.node('Add', [a, b]));
    parts.set(value, [sum]);
    return sum;
  };
  for (const node of forward.reverse()) {
    const needs = (input: number): boolean => varying.has(node.inputs[input] ?? '');
    if (!node.inputs.some((_, index) => needs(index))) continue;
    const gradients = node.results.map((name) => (name === '' ? null : total(name)));
    if (gradients.every((gradient) => gradient === null)) continue;
    const rule = gradientRules[node.op];
    if (typeof rule !== 'function') throw new Error(`${node.op} has no gradient: ${rule.refused}`);
    rule({ graph, node, gradients, shape, needs }).forEach((gradient, index) => {
      const name = node.inputs[index]!;
      if (gradient === null || !needs(index)) return;
      parts.set(name, [...(parts.get(name) ?? []), gradient]);
    });
  }
  return new Map(
    parameters.map((parameter) => {
      const gradient = total(parameter);
      if (gradient === null) throw new Error(`the loss does not depend on ${parameter}`);
      return [parameter, gradient] as const;
    }),
  );
}

/** What changes when a parameter does. */
function varyingValues(nodes: readonly GraphNode[], parameters: readonly Value[]): Set<Value> {
  const varying = new Set(parameters);
  for (const { inputs, results } of nodes) {
    if (!inputs.some((name) => varying.has(name))) continue;
    for (const name of results) if (name !== '') varying.add(name);
  }
  return varying;
}
