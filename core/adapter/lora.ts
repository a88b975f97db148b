/**
 * LoRA (Hu et al. 2021) on chosen linears of the upper layers: y + (α/r)·x·A·B, with A [in, r] and B [r, out].
 * Names follow the checkpoint's linears, in whose basis the factors are.
 */
import type { DecoderConfig } from '../arch/config.ts';

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
