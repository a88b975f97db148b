/** LoRA factors as inputs of a training graph. */
import { type LoraShape, type LoraTarget, loraParameterName, targetSize } from '../../core/adapter/lora.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { DecoderPlugs } from '../../core/arch/decoder.ts';
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';

/** Declares the factors as inputs of the graph and adds their products to the linears. */
export function loraAdapt(
  graph: GraphBuilder,
  config: DecoderConfig,
  shape: LoraShape,
): DecoderPlugs['adapt'] {
  const scale = graph.constant('float32', [], [shape.alpha / shape.rank]);
  const delta = (layer: number, target: LoraTarget, x: Value): Value => {
    const [inSize, outSize] = targetSize(config, target);
    const a = graph.input(loraParameterName(layer, target, 'a'), 'float32', [inSize, shape.rank]);
    const b = graph.input(loraParameterName(layer, target, 'b'), 'float32', [shape.rank, outSize]);
    const low = graph.node('Mul', [graph.node('MatMul', [x, a]), scale]);
    return graph.node('MatMul', [low, b]);
  };
  return (layer, linear, x, y) => {
    if (layer < shape.firstLayer) return y;
    if (linear === 'qkv') return adaptJoint(graph, config, shape, y, (target) => delta(layer, target, x));
    return shape.targets.includes(linear) ? graph.node('Add', [y, delta(layer, linear, x)]) : y;
  };
}

/** q, k and v lie side by side in one result. */
function adaptJoint(
  graph: GraphBuilder,
  config: DecoderConfig,
  shape: LoraShape,
  y: Value,
  delta: (target: LoraTarget) => Value,
): Value {
  const joint = ['q', 'k', 'v'] as const;
  const chosen = joint.filter((target) => shape.targets.includes(target));
  if (chosen.length === 0) return y;
  if (chosen.length === joint.length) {
    return graph.node('Add', [y, graph.node('Concat', joint.map(delta), { axis: -1 })]);
  }
  const parts = joint.map((target) => graph.name(target));
  const widths = joint.map((target) => targetSize(config, target)[1]);
  graph.nodeInto(parts, 'Split', [y, graph.constant('int64', [3], widths)], { axis: -1 });
  const adapted = joint.map((target, index) => {
    const part = parts[index]!;
    return chosen.includes(target) ? graph.node('Add', [part, delta(target)]) : part;
  });
  return graph.node('Concat', adapted, { axis: -1 });
}
