/**
 * A checkpoint becomes a model folder: weights once, in external data, and the graphs that refer to them.
 * Writes into a folder that the caller provides and later publishes; see core/registry.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basisFile, encodeBasis } from '../adapter/basis.ts';
import type { DecoderConfig, EncoderConfig, ModelConfig } from '../arch/config.ts';
import type { DecoderWeights } from '../arch/decoder.ts';
import { emitEncoderGraph } from '../arch/encoder-graph.ts';
import { emitScoringGraph } from '../arch/scoring-graph.ts';
import { emitServingGraph, servingGraphs } from '../arch/serving-graph.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { ExternalDataWriter } from '../onnx/external-data.ts';
import { type Calibration, type LinearChoice, writeDecoderWeights } from './decoder-weights.ts';
import { writeEncoderWeights } from './encoder-weights.ts';
import { type Quantization, recipeFor } from './recipe.ts';

export const dataFile = 'weights.bin';

/** Contents of model.json: what the graphs beside it were made from, enough to emit further graphs. */
export interface ModelDescription {
  readonly config: ModelConfig;
  readonly quantization: Quantization;
  /** Present for decoders. */
  readonly weights?: DecoderWeights;
  /** What was chosen by measured error. */
  readonly choices?: readonly LinearChoice[];
}

export interface ImportProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export interface ImportOptions {
  readonly checkpoint: Checkpoint;
  /** An existing, empty folder. */
  readonly folder: string;
  readonly quantization: Quantization;
  /** Needed where the quantization looks at activations; without it, the fastest options are taken unseen. */
  readonly calibration: Calibration | null;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Writes all files of a version but its manifest. Throws checkpoint_invalid when a tensor is missing. */
export async function importCheckpoint(options: ImportOptions): Promise<ModelDescription> {
  const { checkpoint, folder } = options;
  const { config } = checkpoint;
  const description =
    config.kind === 'decoder' ? await importDecoder(options, config) : await importEncoder(options, config);
  await writeFile(join(folder, 'model.json'), JSON.stringify(description));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(checkpoint.tokenizer.tokenizerJson));
  const tokenizerConfig = JSON.stringify(checkpoint.tokenizer.tokenizerConfig);
  await writeFile(join(folder, 'tokenizer_config.json'), tokenizerConfig);
  return description;
}

async function importDecoder(options: ImportOptions, config: DecoderConfig): Promise<ModelDescription> {
  const { folder, quantization } = options;
  const { weights, choices, basis } = await writeWeights(options, config);
  await writeFile(join(folder, basisFile), encodeBasis(basis));
  await writeGraphs(folder, config, weights);
  return { config, quantization, weights, choices };
}

async function importEncoder(options: ImportOptions, config: EncoderConfig): Promise<ModelDescription> {
  const { checkpoint, folder, quantization } = options;
  const data = await ExternalDataWriter.create(join(folder, dataFile));
  const onLayer = (done: number): void =>
    options.onProgress?.({ stage: 'weights', done, total: config.numLayers });
  try {
    const weights = await writeEncoderWeights({ checkpoint, config, quantization, data, onLayer });
    await writeFile(join(folder, 'encoder.onnx'), emitEncoderGraph(config, weights, dataFile));
  } finally {
    await data.finish();
  }
  return { config, quantization };
}

async function writeWeights(options: ImportOptions, config: DecoderConfig) {
  const { checkpoint, calibration } = options;
  const data = await ExternalDataWriter.create(join(options.folder, dataFile));
  const total = config.numLayers + 1;
  const onLayer = (done: number): void => options.onProgress?.({ stage: 'weights', done, total });
  try {
    const recipe = recipeFor(options.quantization);
    const written = await writeDecoderWeights({ checkpoint, config, recipe, data, calibration, onLayer });
    onLayer(total);
    return written;
  } finally {
    await data.finish();
  }
}

async function writeGraphs(folder: string, config: DecoderConfig, weights: DecoderWeights): Promise<void> {
  const graphs = {
    ...Object.fromEntries(
      servingGraphs.map(({ file, adapted }) => [file, emitServingGraph(config, weights, dataFile, adapted)]),
    ),
    'scoring.onnx': emitScoringGraph(config, weights, dataFile),
  };
  for (const [name, bytes] of Object.entries(graphs)) await writeFile(join(folder, name), bytes);
}
