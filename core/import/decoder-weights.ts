/**
 * A decoder checkpoint to graph weights, layer by layer: at no time is more than one layer in memory.
 * Integer modes fold each norm's gain into the linears that read it and turn the residual stream by one rotation.
 */
import type { DecoderConfig } from '../arch/config.ts';
import type { DecoderLayerWeights, DecoderWeights, LayerLinear } from '../arch/decoder.ts';
import { linearSizes } from '../arch/decoder.ts';
import type { ActivationScale, LinearWeight } from '../arch/linear.ts';
import { ropeTables } from '../arch/rope.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ExternalDataWriter } from '../onnx/external-data.ts';
import type { ExternalTensor } from '../onnx/graph.ts';
import { concatenate, scaleColumns, transpose } from './matrix.ts';
import { quantizeBlocks, quantizeChannels } from './quantize.ts';
import { Rotation } from './rotation.ts';

export const quantizations = ['fp32', 'int8', 'int8-block', 'int4'] as const;
export type Quantization = (typeof quantizations)[number];

/** How one linear is stored. */
export type LinearFormat =
  | { readonly kind: 'fp32' }
  | { readonly kind: 'int8'; readonly activation: ActivationScale }
  | { readonly kind: 'block'; readonly bits: 4 | 8 };

/** The choices of an import, one per linear; `layer` is numLayers for the head. */
export interface Recipe {
  readonly rotate: 'residual' | 'none';
  format(linear: LayerLinear | 'head', layer: number): LinearFormat;
}

/** Seed of the rotation; part of what an imported version is. */
const rotationSeed = 20404;

/** Reads all tensors of `checkpoint` once and writes the graph's weights; `onLayer` hears of each finished layer. */
export async function writeDecoderWeights(
  checkpoint: Checkpoint,
  config: DecoderConfig,
  recipe: Recipe,
  data: ExternalDataWriter,
  onLayer: (numDone: number) => void,
): Promise<DecoderWeights> {
  const writer = new DecoderWeightWriter(checkpoint, config, recipe, data);
  const layers: DecoderLayerWeights[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    layers.push(await writer.layer(layer));
    onLayer(layer + 1);
  }
  return { layers, ...(await writer.ends()) };
}

class DecoderWeightWriter {
  private readonly checkpoint: Checkpoint;
  private readonly config: DecoderConfig;
  private readonly recipe: Recipe;
  private readonly data: ExternalDataWriter;
  private readonly rotation: Rotation | null;

  constructor(checkpoint: Checkpoint, config: DecoderConfig, recipe: Recipe, data: ExternalDataWriter) {
    this.checkpoint = checkpoint;
    this.config = config;
    this.recipe = recipe;
    this.data = data;
    this.rotation = recipe.rotate === 'residual' ? new Rotation(config.hiddenSize, rotationSeed) : null;
  }

  async layer(layer: number): Promise<DecoderLayerWeights> {
    const prefix = `model.layers.${layer}.`;
    const attentionGain = await this.checkpoint.read(`${prefix}input_layernorm.weight`);
    const mlpGain = await this.checkpoint.read(`${prefix}post_attention_layernorm.weight`);
    const qkv = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${prefix}self_attn.${name}`);
    return {
      qkv: await this.reader('qkv', layer, qkv, attentionGain),
      o: await this.residualWriter('o', layer, `${prefix}self_attn.o_proj`),
      gate: await this.reader('gate', layer, [`${prefix}mlp.gate_proj`], mlpGain),
      up: await this.reader('up', layer, [`${prefix}mlp.up_proj`], mlpGain),
      down: await this.residualWriter('down', layer, `${prefix}mlp.down_proj`),
      attentionNorm: await this.norm(`layer${layer}.attention_norm`, attentionGain),
      mlpNorm: await this.norm(`layer${layer}.mlp_norm`, mlpGain),
      qNorm: await this.headNorm(layer, 'q'),
      kNorm: await this.headNorm(layer, 'k'),
    };
  }

  /** Everything but the layers. */
  async ends(): Promise<Omit<DecoderWeights, 'layers'>> {
    const { config, checkpoint, data } = this;
    const { cos, sin } = ropeTables(config);
    const tableDims = [config.maxContext, config.headSize / 2];
    const finalGain = await checkpoint.read('model.norm.weight');
    const headName = config.tiedEmbeddings ? 'model.embed_tokens' : 'lm_head';
    const head = await this.reader('head', config.numLayers, [headName], finalGain);
    const embedding = await checkpoint.read('model.embed_tokens.weight');
    this.rotation?.applyToRows(embedding);
    return {
      embedding: await data.write('embedding', 'float32', [config.vocabSize, config.hiddenSize], embedding),
      finalNorm: await this.norm('final_norm', finalGain),
      head,
      cos: await data.write('rope_cos', 'float32', tableDims, cos),
      sin: await data.write('rope_sin', 'float32', tableDims, sin),
    };
  }

  /** A linear that reads a normed residual: W · diag(gain) · R. Several are stacked along the output. */
  private async reader(
    linear: LayerLinear | 'head',
    layer: number,
    names: readonly string[],
    gain: Float32Array,
  ): Promise<LinearWeight> {
    const weights: Float32Array[] = [];
    for (const name of names) weights.push(await this.checkpoint.read(`${name}.weight`));
    const matrix = weights.length === 1 ? weights[0]! : concatenate(weights);
    if (this.rotation !== null) {
      scaleColumns(matrix, gain);
      this.rotation.applyToRows(matrix);
    }
    const bias = await this.biases(names);
    return this.write(linear, layer, { matrix, layout: 'out-in', bias });
  }

  /** A linear that adds to the residual: Rᵀ · W, as rows of Wᵀ · R. */
  private async residualWriter(linear: 'o' | 'down', layer: number, name: string): Promise<LinearWeight> {
    const [inSize, outSize] = linearSizes(this.config)[linear];
    const matrix = await this.checkpoint.read(`${name}.weight`);
    if (this.rotation === null) return this.write(linear, layer, { matrix, layout: 'out-in', bias: null });
    const transposed = transpose(matrix, outSize, inSize);
    this.rotation.applyToRows(transposed);
    return this.write(linear, layer, { matrix: transposed, layout: 'in-out', bias: null });
  }

  private async biases(names: readonly string[]): Promise<Float32Array | null> {
    const found = names.filter((name) => this.checkpoint.tensors.has(`${name}.bias`));
    if (found.length === 0) return null;
    const parts: Float32Array[] = [];
    for (const name of found) parts.push(await this.checkpoint.read(`${name}.bias`));
    return concatenate(parts);
  }

  /** Gains stay where nothing was folded, and become ones where they were. */
  private async norm(name: string, gain: Float32Array): Promise<ExternalTensor> {
    const kept = this.rotation === null ? gain : new Float32Array(gain.length).fill(1);
    return this.data.write(name, 'float32', [gain.length], kept);
  }

  private async headNorm(layer: number, part: 'q' | 'k'): Promise<ExternalTensor | null> {
    if (!this.config.qkNorm) return null;
    const gain = await this.checkpoint.read(`model.layers.${layer}.self_attn.${part}_norm.weight`);
    return this.data.write(`layer${layer}.${part}_norm`, 'float32', [gain.length], gain);
  }

  private async write(
    linear: LayerLinear | 'head',
    layer: number,
    source: { matrix: Float32Array; layout: 'out-in' | 'in-out'; bias: Float32Array | null },
  ): Promise<LinearWeight> {
    const { config, data } = this;
    const name = linear === 'head' ? 'head' : `layer${layer}.${linear}`;
    const [inSize, outSize] =
      linear === 'head' ? [config.hiddenSize, config.vocabSize] : linearSizes(config)[linear];
    const format = this.recipe.format(linear, layer);
    const { matrix, layout } = source;
    const bias = source.bias && (await data.write(`${name}.bias`, 'float32', [outSize], source.bias));

    if (format.kind === 'block') {
      const rows = layout === 'out-in' ? matrix : transpose(matrix, inSize, outSize);
      const blocks = quantizeBlocks(rows, outSize, inSize, format.bits);
      const numBlocks = blocks.scale.length / outSize;
      const dims = [outSize, numBlocks, blocks.values.length / blocks.scale.length];
      const zeroDims = [outSize, blocks.zeroPoint.length / outSize];
      return {
        ...format,
        inSize,
        outSize,
        bias,
        weight: await data.write(`${name}.q`, 'uint8', dims, blocks.values),
        scale: await data.write(`${name}.scale`, 'float32', [outSize, numBlocks], blocks.scale),
        zeroPoint: await data.write(`${name}.zero`, 'uint8', zeroDims, blocks.zeroPoint),
      };
    }
    const columns = layout === 'in-out' ? matrix : transpose(matrix, outSize, inSize);
    if (format.kind === 'fp32') {
      return { kind: 'fp32', weight: await data.write(name, 'float32', [inSize, outSize], columns), bias };
    }
    const { values, scale } = quantizeChannels(columns, inSize, outSize);
    return {
      ...format,
      bias,
      weight: await data.write(`${name}.q`, 'int8', [inSize, outSize], values),
      scale: await data.write(`${name}.scale`, 'float32', [outSize], scale),
    };
  }
}
