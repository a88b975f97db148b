/**
 * A decoder checkpoint to graph weights: fold, look at real activations, choose, store.
 * At no time is more than one layer, or one of the two vocabulary matrices, in memory.
 */
import type { LayerBasis } from '../adapter/basis.ts';
import type { DecoderConfig } from '../arch/config.ts';
import type { DecoderLayerWeights, DecoderWeights, LayerLinear } from '../arch/decoder.ts';
import { ropeTables } from '../arch/rope.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ExternalDataWriter } from '../onnx/external-data.ts';
import { Calibrator, type LinearInputs } from './calibrate.ts';
import { compensation, quantizeCompensated } from './compensate.ts';
import { Folder, type LayerMatrices, type Matrix } from './fold.ts';
import type { OpenGraph } from './open-graph.ts';
import type { TransposedProduct } from './product.ts';
import type { Recipe } from './recipe.ts';
import { Rotation } from './rotation.ts';
import { smoothDown, smoothingFactors } from './smooth.ts';
import { type LinearFormat, storeLayer, storeLinear, storeVector } from './store.ts';

/** Seed of the rotation; part of what an imported version is. */
const rotationSeed = 20404;

export interface Calibration {
  readonly open: OpenGraph;
  /** Ids of a real text, a few hundred. */
  readonly tokens: readonly number[];
  /** An existing folder for scratch files, removed after use. */
  readonly scratch: string;
}

export interface DecoderImport {
  readonly checkpoint: Checkpoint;
  readonly config: DecoderConfig;
  readonly recipe: Recipe;
  readonly data: ExternalDataWriter;
  readonly calibration: Calibration | null;
  readonly onLayer: (numDone: number) => void;
}

/** What was decided for one linear, and the relative squared output error that each option had. */
export interface LinearChoice {
  readonly layer: number;
  readonly linear: LayerLinear;
  readonly chosen: LinearFormat;
  readonly errors: readonly number[];
}

export interface WrittenDecoder {
  readonly weights: DecoderWeights;
  readonly choices: readonly LinearChoice[];
  /** Null: the weights are in the checkpoint's basis. */
  readonly basis: { readonly rotationSeed: number; readonly layers: readonly LayerBasis[] } | null;
}

export async function writeDecoderWeights(options: DecoderImport): Promise<WrittenDecoder> {
  const { config, recipe, data } = options;
  const rotation = recipe.rotate === 'residual' ? new Rotation(config.hiddenSize, rotationSeed) : null;
  const folder = new Folder(options.checkpoint, config, rotation);
  const { embedding, calibrator } = await writeEmbedding(options, folder);
  const layers: DecoderLayerWeights[] = [];
  const choices: LinearChoice[] = [];
  const bases: LayerBasis[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const prepared = await prepareLayer(await folder.layer(layer), layer, recipe, calibrator);
    const format = (linear: LayerLinear): LinearFormat =>
      prepared.choices.find((choice) => choice.linear === linear)?.chosen ?? recipe.options(linear)[0]!;
    layers.push(await storeLayer(data, `layer${layer}`, prepared.matrices, format));
    choices.push(...prepared.choices);
    const { attentionGain, mlpGain } = prepared.matrices;
    bases.push({ attentionGain, mlpGain, smoothing: prepared.smoothing });
    options.onLayer(layer + 1);
  }
  await calibrator?.close();
  const { head, finalNorm } = await folder.head();
  const weights = {
    embedding,
    layers,
    finalNorm: await storeVector(data, 'final_norm', finalNorm),
    head: await storeLinear(data, 'head', head, recipe.options('head')[0]!),
    ...(await writeRopeTables(config, data)),
  };
  return { weights, choices, basis: rotation === null ? null : { rotationSeed, layers: bases } };
}

async function writeEmbedding(options: DecoderImport, folder: Folder) {
  const { config, data, calibration } = options;
  const values = await folder.embedding();
  const embedding = await data.write('embedding', 'float32', [config.vocabSize, config.hiddenSize], values);
  if (calibration === null || !options.recipe.calibrated) return { embedding, calibrator: null };
  const embedded = new Float32Array(calibration.tokens.length * config.hiddenSize);
  calibration.tokens.forEach((token, index) => {
    const row = values.subarray(token * config.hiddenSize, (token + 1) * config.hiddenSize);
    embedded.set(row, index * config.hiddenSize);
  });
  return { embedding, calibrator: new Calibrator(config, calibration.open, calibration.scratch, embedded) };
}

async function prepareLayer(
  folded: LayerMatrices,
  layer: number,
  recipe: Recipe,
  calibrator: Calibrator | null,
): Promise<{ matrices: LayerMatrices; choices: LinearChoice[]; smoothing: Float32Array | null }> {
  if (calibrator === null) return { matrices: folded, choices: [], smoothing: null };
  const inputs = await calibrator.inputs(folded);
  const smoothing = smoothingFactors(folded, rangeOf(inputs.down, folded.down.inSize));
  const smooth = smoothDown(folded, smoothing);
  const matrices = await compensated(smooth, inputs, await calibrator.product());
  const candidates = Object.fromEntries(
    recipe.choosable.map((linear) => [linear, recipe.options(linear)] as const),
  );
  const errors = await calibrator.advance(matrices, candidates);
  const choices = recipe.choosable.map((linear): LinearChoice => {
    const measured = errors[linear]!;
    return { layer, linear, errors: measured, chosen: recipe.options(linear)[recipe.choose(measured)]! };
  });
  return { matrices, choices, smoothing };
}

/** Largest magnitude of each input, [size]. */
function rangeOf(inputs: Float32Array, size: number): Float32Array {
  const range = new Float32Array(size);
  inputs.forEach((value, index) => {
    range[index % size] = Math.max(range[index % size]!, Math.abs(value));
  });
  return range;
}

/** The linears behind norms, rounded with regard to what they read. */
async function compensated(
  layer: LayerMatrices,
  inputs: LinearInputs,
  product: TransposedProduct,
): Promise<LayerMatrices> {
  const spreadOf = (data: Float32Array, columns: number): Promise<Float32Array> =>
    compensation({ rows: data.length / columns, columns, data }, product);
  const withInt8 = async (matrix: Matrix, spread: Float32Array): Promise<Matrix> => ({
    ...matrix,
    int8: await quantizeCompensated(matrix, spread, product),
  });
  const ofAttention = await spreadOf(inputs.qkv, layer.qkv.inSize);
  const ofMlp = await spreadOf(inputs.gate, layer.gate.inSize);
  return {
    ...layer,
    qkv: await withInt8(layer.qkv, ofAttention),
    gate: await withInt8(layer.gate, ofMlp),
    up: await withInt8(layer.up, ofMlp),
  };
}

async function writeRopeTables(config: DecoderConfig, data: ExternalDataWriter) {
  const { cos, sin } = ropeTables(config);
  const dims = [config.maxContext, config.headSize / 2];
  return {
    cos: await data.write('rope_cos', 'float32', dims, cos),
    sin: await data.write('rope_sin', 'float32', dims, sin),
  };
}
