/** A BERT checkpoint to graph weights, tensor by tensor. */
import type { EncoderConfig } from '../arch/config.ts';
import {
  type EncoderLayerWeights,
  type EncoderLinear,
  type EncoderWeights,
  encoderLinearSizes,
  type NormWeights,
} from '../arch/encoder-graph.ts';
import type { LinearWeight } from '../arch/linear.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ExternalDataWriter } from '../onnx/external-data.ts';
import { concatenate, transpose } from './matrix.ts';
import type { Quantization } from './recipe.ts';
import { type LinearFormat, storeLinear, storeVector } from './store.ts';

const formats: Readonly<Record<Quantization, LinearFormat>> = {
  fp32: { kind: 'fp32' },
  int8: { kind: 'int8', activation: { kind: 'row' } },
  'int8-block': { kind: 'block', bits: 8 },
  int4: { kind: 'block', bits: 4 },
};

export interface EncoderImport {
  readonly checkpoint: Checkpoint;
  readonly config: EncoderConfig;
  readonly quantization: Quantization;
  readonly data: ExternalDataWriter;
  readonly onLayer: (numDone: number) => void;
}

/** Throws checkpoint_invalid when a tensor is missing. */
export async function writeEncoderWeights(options: EncoderImport): Promise<EncoderWeights> {
  const { config, data } = options;
  const source = new EncoderSource(options);
  const layers: EncoderLayerWeights[] = [];
  const { hiddenSize, vocabSize, maxContext } = config;
  const words = await source.read('embeddings.word_embeddings.weight');
  const weights = {
    words: await data.write('word_table', 'float32', [vocabSize, hiddenSize], words),
    positions: await data.write(
      'position_table',
      'float32',
      [maxContext, hiddenSize],
      await source.positionTable(),
    ),
    embeddingNorm: await source.norm('embeddings.LayerNorm', 'embedding_norm'),
  };
  for (let layer = 0; layer < config.numLayers; layer++) {
    layers.push(await source.layer(layer));
    options.onLayer(layer + 1);
  }
  return { ...weights, layers };
}

class EncoderSource {
  private readonly options: EncoderImport;

  constructor(options: EncoderImport) {
    this.options = options;
  }

  read(name: string): Promise<Float32Array> {
    return this.options.checkpoint.read(name);
  }

  async positionTable(): Promise<Float32Array> {
    const table = await this.read('embeddings.position_embeddings.weight');
    const types = await this.read('embeddings.token_type_embeddings.weight');
    const { hiddenSize } = this.options.config;
    return table.map((value, index) => value + types[index % hiddenSize]!);
  }

  async layer(layer: number): Promise<EncoderLayerWeights> {
    const prefix = `encoder.layer.${layer}`;
    const attention = ['query', 'key', 'value'].map((part) => `${prefix}.attention.self.${part}`);
    const name = `layer${layer}`;
    return {
      qkv: await this.linear('qkv', attention, name),
      o: await this.linear('o', [`${prefix}.attention.output.dense`], name),
      up: await this.linear('up', [`${prefix}.intermediate.dense`], name),
      down: await this.linear('down', [`${prefix}.output.dense`], name),
      attentionNorm: await this.norm(`${prefix}.attention.output.LayerNorm`, `${name}.attention_norm`),
      outputNorm: await this.norm(`${prefix}.output.LayerNorm`, `${name}.output_norm`),
    };
  }

  async norm(name: string, stored: string): Promise<NormWeights> {
    const { data } = this.options;
    return {
      gain: await storeVector(data, `${stored}.gain`, await this.read(`${name}.weight`)),
      bias: await storeVector(data, `${stored}.bias`, await this.read(`${name}.bias`)),
    };
  }

  /** Several linears over one input are stacked along the output. */
  private async linear(
    linear: EncoderLinear,
    names: readonly string[],
    prefix: string,
  ): Promise<LinearWeight> {
    const { config, data, quantization } = this.options;
    const [inSize, outSize] = encoderLinearSizes(config)[linear];
    const weights: Float32Array[] = [];
    const biases: Float32Array[] = [];
    for (const name of names) {
      weights.push(await this.read(`${name}.weight`));
      biases.push(await this.read(`${name}.bias`));
    }
    const values = transpose(concatenate(weights), outSize, inSize);
    const matrix = { inSize, outSize, values, bias: concatenate(biases) };
    return storeLinear(data, `${prefix}.${linear}`, matrix, formats[quantization]);
  }
}
