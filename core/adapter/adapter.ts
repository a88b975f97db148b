/** An adapter in memory, in the basis of the checkpoint that it was made for. */
import type { DecoderConfig } from '../arch/config.ts';
import { type LoraShape, type LoraTarget, loraParameterName, loraParameters } from './lora.ts';

export interface Adapter {
  readonly shape: LoraShape;
  /** By the names of `loraParameters`, all of them: A [in, rank], B [rank, out], row-major. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

export interface Factors {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

export function factorsOf(adapter: Adapter, layer: number, target: LoraTarget): Factors | null {
  const a = adapter.values.get(loraParameterName(layer, target, 'a'));
  const b = adapter.values.get(loraParameterName(layer, target, 'b'));
  return a === undefined || b === undefined ? null : { a, b };
}

/** Why the adapter does not fit the model; null when it does. */
export function misfitOf(adapter: Adapter, config: DecoderConfig): string | null {
  for (const { name, dims } of loraParameters(config, adapter.shape)) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    const values = adapter.values.get(name);
    if (values === undefined) return `it lacks ${name}`;
    if (values.length !== size) return `${name} has ${values.length} numbers, the model wants ${size}`;
    if (!values.every(Number.isFinite)) return `${name} holds a number that is not finite`;
  }
  return null;
}

/** α/r. */
export const scaleOf = ({ alpha, rank }: LoraShape): number => alpha / rank;
