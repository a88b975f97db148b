/**
 * LoRA (Hu et al. 2021) on chosen linears of the upper layers: y + (α/r)·x·A·B, with A [in, r] and B [r, out].
 * Names follow the checkpoint's linears, in whose basis the factors are.
 */
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { DecoderPlugs } from '../../core/arch/decoder.ts';
import type { GraphBuilder, Value } from '../../core/onnx/graph.ts';

export const loraTargets = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
export type LoraTarget = (typeof loraTargets)[number];

export interface LoraShape {
  readonly rank: number;
  readonly alpha: number;
  /** Layers below have no factors. */
  readonly firstLayer: number;
  readonly targets: readonly LoraTarget[];
}

/** One trainable array. */
export interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
}

export const loraParameterName = (layer: number, target: LoraTarget, side: 'a' | 'b'): string =>
  `lora.${layer}.${target}.${side}`;

/** [in, out] of a linear as the checkpoint has it. */
export function targetSize(config: DecoderConfig, target: LoraTarget): readonly [number, number] {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headSize } = config;
  const queries = numHeads * headSize;
  const keys = numKvHeads * headSize;
  const sizes: Readonly<Record<LoraTarget, readonly [number, number]>> = {
    q: [hiddenSize, queries],
    k: [hiddenSize, keys],
    v: [hiddenSize, keys],
    o: [queries, hiddenSize],
    gate: [hiddenSize, intermediateSize],
    up: [hiddenSize, intermediateSize],
    down: [intermediateSize, hiddenSize],
  };
  return sizes[target];
}

/** All factors, in a fixed order: by layer, then as in `loraTargets`, A before B. */
export function loraParameters(config: DecoderConfig, shape: LoraShape): Parameter[] {
  const parameters: Parameter[] = [];
  for (let layer = shape.firstLayer; layer < config.numLayers; layer++) {
    for (const target of loraTargets.filter((name) => shape.targets.includes(name))) {
      const [inSize, outSize] = targetSize(config, target);
      parameters.push({ name: loraParameterName(layer, target, 'a'), dims: [inSize, shape.rank] });
      parameters.push({ name: loraParameterName(layer, target, 'b'), dims: [shape.rank, outSize] });
    }
  }
  return parameters;
}

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
