/** config.json of a Hugging Face directory to ModelConfig. Reads the layouts of transformers 4 and 5. */
import {
  type DecoderConfig,
  type DecoderFamily,
  decoderFamilies,
  type EncoderConfig,
  type ModelConfig,
  type RopeScaling,
} from '../arch/config.ts';
import { MillraceError } from '../errors.ts';

type Json = Readonly<Record<string, unknown>>;
type Refuse = (reason: string) => never;

export const supportedArchitectures = [...decoderFamilies, 'bert'] as const;

/** Refuses sizes that no supported model has, so that nothing absurd is ever allocated. */
const maxSize = 1 << 20;

/** `pooling` is sentence-transformers' 1_Pooling/config.json, of which an encoder takes how tokens become one vector. */
export function parseConfig(
  json: Json,
  { generation, pooling }: { generation: Json; pooling: Json },
  refuse: Refuse,
): ModelConfig {
  const architecture = String(json.model_type ?? 'unknown');
  if (architecture === 'bert') return encoderConfig(json, pooling, refuse);
  if ((decoderFamilies as readonly string[]).includes(architecture)) {
    return decoderConfig(json, generation, architecture as DecoderFamily, refuse);
  }
  const supported = supportedArchitectures.join(', ');
  throw new MillraceError('architecture_unsupported', { architecture, supported });
}

/** A size field: a whole number, 1 … 2^20. */
export function sizeField(json: Json, name: string, refuse: Refuse, fallback?: number): number {
  const value = json[name] ?? fallback;
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > maxSize) {
    refuse(`"${name}" is ${JSON.stringify(value)}, expected a whole number from 1 to ${maxSize}.`);
  }
  return value as number;
}

function numberField(json: Json, name: string, refuse: Refuse, fallback?: number): number {
  const value = json[name] ?? fallback;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    refuse(`"${name}" is ${JSON.stringify(value)}, expected a positive number.`);
  }
  return value;
}

function decoderConfig(json: Json, generation: Json, family: DecoderFamily, refuse: Refuse): DecoderConfig {
  const activation = json.hidden_act ?? 'silu';
  if (activation !== 'silu') refuse(`"hidden_act" is ${JSON.stringify(activation)}, only silu is supported.`);
  if (json.mlp_bias === true) refuse('"mlp_bias" is not supported.');
  if (json.attention_bias === true) refuse('"attention_bias" is not supported.');
  const numHeads = sizeField(json, 'num_attention_heads', refuse);
  const hiddenSize = sizeField(json, 'hidden_size', refuse);
  const rope = (json.rope_parameters ?? json.rope_scaling ?? {}) as Json;
  const config: DecoderConfig = {
    kind: 'decoder',
    family,
    vocabSize: sizeField(json, 'vocab_size', refuse),
    hiddenSize,
    numLayers: sizeField(json, 'num_hidden_layers', refuse),
    numHeads,
    numKvHeads: sizeField(json, 'num_key_value_heads', refuse, numHeads),
    headSize: sizeField(json, 'head_dim', refuse, hiddenSize / numHeads),
    intermediateSize: sizeField(json, 'intermediate_size', refuse),
    maxContext: sizeField(json, 'max_position_embeddings', refuse),
    rmsNormEps: numberField(json, 'rms_norm_eps', refuse, 1e-6),
    ropeTheta: numberField(json.rope_theta === undefined ? rope : json, 'rope_theta', refuse, 10_000),
    ropeScaling: ropeScaling(rope, refuse),
    slidingWindow: slidingWindow(json, family, refuse),
    qkvBias: family === 'qwen2',
    qkNorm: family === 'qwen3',
    tiedEmbeddings: json.tie_word_embeddings === true,
    bosTokenId: typeof json.bos_token_id === 'number' ? json.bos_token_id : null,
    eosTokenIds: tokenIds(generation.eos_token_id ?? json.eos_token_id),
  };
  if (config.numHeads % config.numKvHeads !== 0) refuse('"num_key_value_heads" does not divide the heads.');
  return config;
}

function tokenIds(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => Number.isSafeInteger(id));
}

function slidingWindow(json: Json, family: DecoderFamily, refuse: Refuse): number | null {
  const isOn = family === 'mistral' || json.use_sliding_window === true;
  if (!isOn || json.sliding_window == null) return null;
  if (family !== 'mistral') refuse('a sliding window on some layers only is not supported.');
  return sizeField(json, 'sliding_window', refuse);
}

function ropeScaling(rope: Json, refuse: Refuse): RopeScaling | null {
  const kind = rope.rope_type ?? rope.type ?? 'default';
  if (kind === 'default') return null;
  const factor = numberField(rope, 'factor', refuse);
  if (kind === 'linear') return { kind, factor };
  if (kind !== 'llama3')
    refuse(`rope scaling "${String(kind)}" is not supported; supported are linear, llama3.`);
  return {
    kind: 'llama3',
    factor,
    lowFreqFactor: numberField(rope, 'low_freq_factor', refuse),
    highFreqFactor: numberField(rope, 'high_freq_factor', refuse),
    originalMaxContext: sizeField(rope, 'original_max_position_embeddings', refuse),
  };
}

function encoderConfig(json: Json, pooling: Json, refuse: Refuse): EncoderConfig {
  if ((json.hidden_act ?? 'gelu') !== 'gelu') refuse('"hidden_act" other than gelu is not supported.');
  return {
    kind: 'encoder',
    family: 'bert',
    vocabSize: sizeField(json, 'vocab_size', refuse),
    hiddenSize: sizeField(json, 'hidden_size', refuse),
    numLayers: sizeField(json, 'num_hidden_layers', refuse),
    numHeads: sizeField(json, 'num_attention_heads', refuse),
    intermediateSize: sizeField(json, 'intermediate_size', refuse),
    maxContext: sizeField(json, 'max_position_embeddings', refuse),
    typeVocabSize: sizeField(json, 'type_vocab_size', refuse, 2),
    layerNormEps: numberField(json, 'layer_norm_eps', refuse, 1e-12),
    pooling: poolingOf(pooling, refuse),
    normalize: true,
  };
}

function poolingOf(pooling: Json, refuse: Refuse): EncoderConfig['pooling'] {
  const modes = Object.keys(pooling).filter((name) => /^pooling_mode_/.test(name) && pooling[name] === true);
  if (modes.length === 0 || modes.join() === 'pooling_mode_mean_tokens') return 'mean';
  if (modes.join() === 'pooling_mode_cls_token') return 'cls';
  return refuse(`the pooling ${modes.join(' and ')} is not supported; supported are mean and cls.`);
}
