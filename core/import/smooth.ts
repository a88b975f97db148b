/**
 * SmoothQuant (arXiv 2211.10438) between the up and the down projection: channel j of the gated activations is
 * divided by s[j], which is folded into column j of `up`, and row j of `down` is multiplied by it. Exact in fp32.
 */
import type { LayerMatrices } from './fold.ts';

/** Migration strength: how much of the activations' range is moved into the weights. */
const alpha = 0.5;

/** s, [intermediate]; `range` is the largest magnitude of each gated activation. */
export function smoothingFactors({ down }: Pick<LayerMatrices, 'down'>, range: Float32Array): Float32Array {
  return range.map((most, channel) =>
    smoothingFactor(most, down.values.subarray(channel * down.outSize, (channel + 1) * down.outSize)),
  );
}

export function smoothDown(layer: LayerMatrices, factors: Float32Array): LayerMatrices {
  const { inSize, outSize, values } = layer.down;
  const up = Float32Array.from(layer.up.values);
  const down = Float32Array.from(values);
  for (let channel = 0; channel < inSize; channel++) {
    const factor = factors[channel]!;
    for (let i = channel * outSize; i < (channel + 1) * outSize; i++) down[i]! *= factor;
    for (let i = channel; i < up.length; i += inSize) up[i]! /= factor;
  }
  return { ...layer, up: { ...layer.up, values: up }, down: { ...layer.down, values: down } };
}

function smoothingFactor(range: number, weights: Float32Array): number {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  if (range === 0 || largest === 0) return 1;
  return range ** alpha / largest ** (1 - alpha);
}
