/** Puts matrices into an external data file, in the precision asked for. */
import { type DecoderLayerWeights, type LayerLinear, layerLinears } from '../arch/decoder.ts';
import type { ActivationScale, LinearWeight } from '../arch/linear.ts';
import type { ExternalDataWriter } from '../onnx/external-data.ts';
import type { ExternalTensor } from '../onnx/graph.ts';
import type { LayerMatrices, Matrix } from './fold.ts';
import { transpose } from './matrix.ts';
import { quantizeBlocks, quantizeChannels } from './quantize.ts';

/** How one linear is stored. */
export type LinearFormat =
  | { readonly kind: 'fp32' }
  | { readonly kind: 'int8'; readonly activation: ActivationScale }
  | { readonly kind: 'block'; readonly bits: 4 | 8 };

export async function storeLinear(
  data: ExternalDataWriter,
  name: string,
  matrix: Matrix,
  format: LinearFormat,
): Promise<LinearWeight> {
  const { inSize, outSize, values } = matrix;
  const bias = matrix.bias && (await data.write(`${name}.bias`, 'float32', [outSize], matrix.bias));
  if (format.kind === 'fp32') {
    return { kind: 'fp32', weight: await data.write(name, 'float32', [inSize, outSize], values), bias };
  }
  if (format.kind === 'int8') {
    const quantized = matrix.int8 ?? quantizeChannels(values, inSize, outSize);
    const weight = await data.write(`${name}.q`, 'int8', [inSize, outSize], quantized.values);
    return {
      ...format,
      bias,
      weight,
      scale: await data.write(`${name}.scale`, 'float32', [outSize], quantized.scale),
    };
  }
  const blocks = quantizeBlocks(transpose(values, inSize, outSize), outSize, inSize, format.bits);
  const numBlocks = blocks.scale.length / outSize;
  const dims = [outSize, numBlocks, blocks.values.length / blocks.scale.length];
  const zeroDims = [outSize, blocks.zeroPoint.length / outSize];
  const weight = await data.write(`${name}.q`, 'uint8', dims, blocks.values);
  const scale = await data.write(`${name}.scale`, 'float32', [outSize, numBlocks], blocks.scale);
  const zeroPoint = await data.write(`${name}.zero`, 'uint8', zeroDims, blocks.zeroPoint);
  return { ...format, inSize, outSize, bias, weight, scale, zeroPoint };
}

/** All of a layer; `prefix` starts the tensors' names. */
export async function storeLayer(
  data: ExternalDataWriter,
  prefix: string,
  matrices: LayerMatrices,
  format: (linear: LayerLinear) => LinearFormat,
): Promise<DecoderLayerWeights> {
  const linears: Partial<Record<LayerLinear, LinearWeight>> = {};
  for (const linear of layerLinears) {
    linears[linear] = await storeLinear(data, `${prefix}.${linear}`, matrices[linear], format(linear));
  }
  return {
    ...(linears as Record<LayerLinear, LinearWeight>),
    attentionNorm: await storeVector(data, `${prefix}.attention_norm`, matrices.attentionNorm),
    mlpNorm: await storeVector(data, `${prefix}.mlp_norm`, matrices.mlpNorm),
    qNorm: matrices.qNorm && (await storeVector(data, `${prefix}.q_norm`, matrices.qNorm)),
    kNorm: matrices.kNorm && (await storeVector(data, `${prefix}.k_norm`, matrices.kNorm)),
  };
}

export function storeVector(
  data: ExternalDataWriter,
  name: string,
  values: Float32Array,
): Promise<ExternalTensor> {
  return data.write(name, 'float32', [values.length], values);
}
