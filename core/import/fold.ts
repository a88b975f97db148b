/**
 * A decoder layer's tensors as fp32 matrices in the basis they are served in: with a rotation, each norm's gain
 * is folded into the linears that read it, readers become W·diag(g)·R and writers Rᵀ·W (QuaRot, arXiv 2404.00456).
 */
import type { DecoderConfig } from '../arch/config.ts';
import { type LayerLinear, linearSizes } from '../arch/decoder.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { concatenate, scaleColumns, transpose } from './matrix.ts';
import type { Int8Matrix } from './quantize.ts';
import type { Rotation } from './rotation.ts';

/** One linear: y = x · values + bias, values row-major [inSize, outSize]. */
export interface Matrix {
  readonly inSize: number;
  readonly outSize: number;
  readonly values: Float32Array;
  readonly bias: Float32Array | null;
  /** How its int8 form was chosen, where that took more than rounding each weight. */
  readonly int8?: Int8Matrix;
}

export interface LayerMatrices extends Readonly<Record<LayerLinear, Matrix>> {
  readonly attentionNorm: Float32Array;
  readonly mlpNorm: Float32Array;
  /** The checkpoint's gains, wherever they are now. */
  readonly attentionGain: Float32Array;
  readonly mlpGain: Float32Array;
  readonly qNorm: Float32Array | null;
  readonly kNorm: Float32Array | null;
}

export interface Ends {
  /** [vocab, hidden]. */
  readonly embedding: Float32Array;
  readonly finalNorm: Float32Array;
  readonly head: Matrix;
}

export class Folder {
  private readonly checkpoint: Checkpoint;
  private readonly config: DecoderConfig;
  private readonly rotation: Rotation | null;

  constructor(checkpoint: Checkpoint, config: DecoderConfig, rotation: Rotation | null) {
    this.checkpoint = checkpoint;
    this.config = config;
    this.rotation = rotation;
  }

  async layer(layer: number): Promise<LayerMatrices> {
    const prefix = `model.layers.${layer}.`;
    const attentionGain = await this.read(`${prefix}input_layernorm.weight`);
    const mlpGain = await this.read(`${prefix}post_attention_layernorm.weight`);
    const qkv = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${prefix}self_attn.${name}`);
    return {
      qkv: await this.reader('qkv', qkv, attentionGain),
      o: await this.writer('o', `${prefix}self_attn.o_proj`),
      gate: await this.reader('gate', [`${prefix}mlp.gate_proj`], mlpGain),
      up: await this.reader('up', [`${prefix}mlp.up_proj`], mlpGain),
      down: await this.writer('down', `${prefix}mlp.down_proj`),
      attentionNorm: this.remainingGain(attentionGain),
      mlpNorm: this.remainingGain(mlpGain),
      attentionGain,
      mlpGain,
      qNorm: this.config.qkNorm ? await this.read(`${prefix}self_attn.q_norm.weight`) : null,
      kNorm: this.config.qkNorm ? await this.read(`${prefix}self_attn.k_norm.weight`) : null,
    };
  }

  async embedding(): Promise<Float32Array> {
    const embedding = await this.read('model.embed_tokens.weight');
    this.rotation?.applyToRows(embedding);
    return embedding;
  }

  async head(): Promise<{ head: Matrix; finalNorm: Float32Array }> {
    const gain = await this.read('model.norm.weight');
    const name = this.config.tiedEmbeddings ? 'model.embed_tokens' : 'lm_head';
    return { head: await this.reader('head', [name], gain), finalNorm: this.remainingGain(gain) };
  }

  /** A linear that reads a normed residual; several are stacked along the output. */
  private async reader(
    linear: LayerLinear | 'head',
    names: readonly string[],
    gain: Float32Array,
  ): Promise<Matrix> {
    const parts: Float32Array[] = [];
    for (const name of names) parts.push(await this.read(`${name}.weight`));
    const rows = parts.length === 1 ? parts[0]! : concatenate(parts);
    if (this.rotation !== null) {
      scaleColumns(rows, gain);
      this.rotation.applyToRows(rows);
    }
    const [inSize, outSize] = this.sizes(linear);
    return { inSize, outSize, values: transpose(rows, outSize, inSize), bias: await this.bias(names) };
  }

  /** A linear that adds to the residual. */
  private async writer(linear: 'o' | 'down', name: string): Promise<Matrix> {
    const [inSize, outSize] = this.sizes(linear);
    const values = transpose(await this.read(`${name}.weight`), outSize, inSize);
    this.rotation?.applyToRows(values);
    return { inSize, outSize, values, bias: null };
  }

  private async bias(names: readonly string[]): Promise<Float32Array | null> {
    const parts: Float32Array[] = [];
    for (const name of names) {
      if (this.checkpoint.tensors.has(`${name}.bias`)) parts.push(await this.read(`${name}.bias`));
    }
    return parts.length === 0 ? null : concatenate(parts);
  }

  /** Gains stay where nothing was folded, and become ones where they were. */
  private remainingGain(gain: Float32Array): Float32Array {
    return this.rotation === null ? gain : new Float32Array(gain.length).fill(1);
  }

  private sizes(linear: LayerLinear | 'head'): readonly [number, number] {
    const { hiddenSize, vocabSize } = this.config;
    return linear === 'head' ? [hiddenSize, vocabSize] : linearSizes(this.config)[linear];
  }

  private read(name: string): Promise<Float32Array> {
    return this.checkpoint.read(name);
  }
}
