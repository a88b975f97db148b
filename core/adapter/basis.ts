/**
 * How the weights of a served version differ from its checkpoint's: what was folded and rotated at import. Whoever
 * brings an adapter of the checkpoint to the served version needs it.
 */
import type { DecoderConfig } from '../arch/config.ts';
import { Rotation } from '../import/rotation.ts';
import { decodeTensorFile, encodeTensorFile, type StoredTensor } from '../tensor/tensor-file.ts';

export const basisFile = 'basis.safetensors';

export interface LayerBasis {
  /** Gains that were folded into the linears behind the norms, [hidden]. */
  readonly attentionGain: Float32Array;
  readonly mlpGain: Float32Array;
  /** By what the gated activations were divided, [intermediate]; null where they were left alone. */
  readonly smoothing: Float32Array | null;
}

export interface Basis {
  readonly rotation: Rotation;
  readonly layers: readonly LayerBasis[];
}

/** A null basis is the checkpoint's own. */
export function encodeBasis(
  basis: { rotationSeed: number; layers: readonly LayerBasis[] } | null,
): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  const put = (name: string, data: Float32Array | null): void => {
    if (data !== null) tensors.set(name, { dims: [data.length], data });
  };
  basis?.layers.forEach(({ attentionGain, mlpGain, smoothing }, layer) => {
    put(`layer${layer}.attention_gain`, attentionGain);
    put(`layer${layer}.mlp_gain`, mlpGain);
    put(`layer${layer}.smoothing`, smoothing);
  });
  const metadata: Record<string, string> =
    basis === null ? {} : { rotation_seed: String(basis.rotationSeed) };
  return encodeTensorFile({ tensors, metadata });
}

export function decodeBasis(
  bytes: Uint8Array,
  config: DecoderConfig,
  refuse: (reason: string) => never,
): Basis | null {
  const { tensors, metadata } = decodeTensorFile(bytes, refuse);
  if (metadata.rotation_seed === undefined) return null;
  const vector = (name: string, size: number): Float32Array => {
    const data = tensors.get(name)?.data ?? refuse(`it lacks ${name}`);
    return data.length === size ? data : refuse(`${name} has ${data.length} numbers, expected ${size}`);
  };
  const layers = Array.from({ length: config.numLayers }, (_, layer) => ({
    attentionGain: vector(`layer${layer}.attention_gain`, config.hiddenSize),
    mlpGain: vector(`layer${layer}.mlp_gain`, config.hiddenSize),
    smoothing: tensors.has(`layer${layer}.smoothing`)
      ? vector(`layer${layer}.smoothing`, config.intermediateSize)
      : null,
  }));
  return { rotation: new Rotation(config.hiddenSize, Number(metadata.rotation_seed)), layers };
}
