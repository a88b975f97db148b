/**
 * Adapters as Hugging Face's PEFT stores them: adapter_config.json and adapter_model.safetensors, with lora_A [r, in]
 * and lora_B [out, r] under the module's path. What PEFT can say and a Millrace adapter cannot is refused by name.
 */
import type { DecoderConfig } from '../arch/config.ts';
import { MillraceError } from '../errors.ts';
import { transpose } from '../import/matrix.ts';
import { parseObject } from '../tensor/json-object.ts';
import { decodeTensorFile, encodeTensorFile, type StoredTensor } from '../tensor/tensor-file.ts';
import { type Adapter, factorsOf, misfitOf } from './adapter.ts';
import { type LoraShape, type LoraTarget, loraParameterName, loraTargets, targetSize } from './lora.ts';

export const peftFiles = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

export interface PeftFiles {
  readonly config: Uint8Array;
  readonly weights: Uint8Array;
}

const maxRank = 256;

function modulePath(layer: number, target: LoraTarget): string {
  const block = ['q', 'k', 'v', 'o'].includes(target) ? 'self_attn' : 'mlp';
  return `base_model.model.model.layers.${layer}.${block}.${target}_proj`;
}

export function encodePeft(adapter: Adapter, config: DecoderConfig, baseModel: string): PeftFiles {
  const { rank, alpha, firstLayer, targets } = adapter.shape;
  const tensors = new Map<string, StoredTensor>();
  for (let layer = firstLayer; layer < config.numLayers; layer++) {
    for (const target of targets) {
      const [inSize, outSize] = targetSize(config, target);
      const { a, b } = factorsOf(adapter, layer, target)!;
      const path = modulePath(layer, target);
      tensors.set(`${path}.lora_A.weight`, { dims: [rank, inSize], data: transpose(a, inSize, rank) });
      tensors.set(`${path}.lora_B.weight`, { dims: [outSize, rank], data: transpose(b, rank, outSize) });
    }
  }
  const layers = Array.from({ length: config.numLayers - firstLayer }, (_, index) => firstLayer + index);
  const described = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    target_modules: targets.map((target) => `${target}_proj`),
    ...(firstLayer === 0 ? {} : { layers_to_transform: layers, layers_pattern: 'layers' }),
  };
  return {
    config: new TextEncoder().encode(`${JSON.stringify(described, null, 2)}\n`),
    weights: encodeTensorFile({ tensors, metadata: { format: 'pt' } }),
  };
}

/** Throws version_invalid, naming `path`, for what is not a LoRA of this model. */
export function decodePeft(files: PeftFiles, config: DecoderConfig, path: string): Adapter {
  const refuse = (reason: string): never => {
    throw new MillraceError('version_invalid', { path, reason });
  };
  const { rank, scale } = parseConfig(parseObject(files.config, refuse), refuse);
  const { tensors } = decodeTensorFile(files.weights, refuse);
  const found = placesOf(tensors, refuse);
  const shape: LoraShape = {
    rank,
    alpha: scale * rank,
    firstLayer: Math.min(...found.map(({ layer }) => layer)),
    targets: loraTargets.filter((target) => found.some((place) => place.target === target)),
  };
  const values = new Map<string, Float32Array>();
  for (let layer = shape.firstLayer; layer < config.numLayers; layer++) {
    for (const target of shape.targets) {
      const [inSize, outSize] = targetSize(config, target);
      // A module that the adapter leaves out gets factors of zero.
      const of = (side: 'A' | 'B', rows: number, columns: number): Float32Array => {
        const tensor = tensors.get(`${modulePath(layer, target)}.lora_${side}.weight`);
        if (tensor === undefined) return new Float32Array(rows * columns);
        if (tensor.dims[0] === rows && tensor.dims[1] === columns)
          return transpose(tensor.data, rows, columns);
        return refuse(
          `layer ${layer} ${target} lora_${side} is [${tensor.dims}], the model wants [${rows}, ${columns}]`,
        );
      };
      values.set(loraParameterName(layer, target, 'a'), of('A', rank, inSize));
      values.set(loraParameterName(layer, target, 'b'), of('B', outSize, rank));
    }
  }
  const adapter = { shape, values };
  const misfit = misfitOf(adapter, config);
  return misfit === null ? adapter : refuse(misfit);
}

type Json = Readonly<Record<string, unknown>>;

function parseConfig(json: Json, refuse: (reason: string) => never): { rank: number; scale: number } {
  const { peft_type: kind, r: rank, lora_alpha: alpha } = json;
  if (kind !== 'LORA') refuse(`its peft_type is ${String(kind)}; only LORA is supported`);
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1 || rank > maxRank) {
    refuse(`its rank r is ${String(rank)}, expected 1 to ${maxRank}`);
  }
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) refuse('its lora_alpha is no number');
  const isSet = (value: unknown): boolean =>
    value !== undefined &&
    value !== null &&
    value !== false &&
    !(typeof value === 'object' && Object.keys(value).length === 0);
  for (const feature of [
    'use_dora',
    'modules_to_save',
    'rank_pattern',
    'alpha_pattern',
    'fan_in_fan_out',
    'trainable_token_indices',
  ]) {
    if (isSet(json[feature])) refuse(`it uses ${feature}, which is not supported`);
  }
  if (json.bias !== undefined && json.bias !== 'none') refuse('it trains biases, which is not supported');
  return { rank, scale: json.use_rslora === true ? alpha / Math.sqrt(rank) : alpha / rank };
}

function placesOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  refuse: (reason: string) => never,
): { layer: number; target: LoraTarget }[] {
  const pattern =
    /^base_model\.model\.model\.layers\.(\d{1,5})\.(?:self_attn|mlp)\.(\w+)_proj\.lora_([AB])\.weight$/;
  const places = [...tensors.keys()].map((name) => {
    const match = pattern.exec(name);
    const target = loraTargets.find((each) => each === match?.[2]);
    if (
      match === null ||
      target === undefined ||
      name !== `${modulePath(Number(match[1]), target)}.lora_${match[3]}.weight`
    ) {
      return refuse(`tensor "${name.slice(0, 100)}" belongs to no linear of a decoder layer`);
    }
    return { layer: Number(match[1]), target };
  });
  return places.length === 0 ? refuse('it holds no tensors') : places;
}
