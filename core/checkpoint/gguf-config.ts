/** GGUF metadata to ModelConfig. Keys: the GGUF specification, "Standardized key-value pairs". */
import type { DecoderConfig, RopeScaling } from '../arch/config.ts';
import { MillraceError } from '../errors.ts';
import type { TensorInfo } from './checkpoint.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { sizeField, supportedArchitectures } from './hugging-face-config.ts';

type Refuse = (reason: string) => never;

export function ggufConfig(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, TensorInfo>,
  /** Contents of rope_freqs.weight, where there is one. */
  ropeDivisors: readonly number[] | null,
  refuse: Refuse,
): DecoderConfig {
  const family = String(metadata['general.architecture'] ?? 'unknown');
  if (family !== 'llama' && family !== 'qwen2' && family !== 'qwen3') {
    const supported = supportedArchitectures.join(', ');
    throw new MillraceError('architecture_unsupported', { architecture: family, supported });
  }
  const key = (name: string): string => `${family}.${name}`;
  const size = (name: string, fallback?: number): number => sizeField(metadata, key(name), refuse, fallback);
  const numHeads = size('attention.head_count');
  const hiddenSize = size('embedding_length');
  const embedding = tensors.get('model.embed_tokens.weight') ?? refuse('token_embd.weight is missing.');
  const window = metadata[key('attention.sliding_window')];
  const headSize = size('attention.key_length', hiddenSize / numHeads);
  const areUsable = ropeDivisors?.length === headSize / 2 && ropeDivisors.every((divisor) => divisor > 0);
  if (ropeDivisors !== null && !areUsable)
    refuse(`rope_freqs.weight is not ${headSize / 2} positive numbers.`);
  return {
    kind: 'decoder',
    family: window ? 'mistral' : family,
    vocabSize: embedding.shape[0]!,
    hiddenSize,
    numLayers: size('block_count'),
    numHeads,
    numKvHeads: size('attention.head_count_kv', numHeads),
    headSize,
    intermediateSize: size('feed_forward_length'),
    maxContext: size('context_length'),
    rmsNormEps: Number(metadata[key('attention.layer_norm_rms_epsilon')] ?? 1e-5),
    ropeTheta: Number(metadata[key('rope.freq_base')] ?? 10_000),
    ropeScaling: scaling(metadata, key, ropeDivisors, refuse),
    slidingWindow: window ? size('attention.sliding_window') : null,
    qkvBias: tensors.has('model.layers.0.self_attn.q_proj.bias'),
    qkNorm: tensors.has('model.layers.0.self_attn.q_norm.weight'),
    tiedEmbeddings: !tensors.has('lm_head.weight'),
    bosTokenId: tokenId(metadata, 'tokenizer.ggml.bos_token_id'),
    eosTokenIds: ['tokenizer.ggml.eos_token_id', 'tokenizer.ggml.eot_token_id']
      .map((name) => tokenId(metadata, name))
      .filter((id) => id !== null),
  };
}

function tokenId(metadata: GgufMetadata, name: string): number | null {
  const value = metadata[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

function scaling(
  metadata: GgufMetadata,
  key: (name: string) => string,
  ropeDivisors: readonly number[] | null,
  refuse: Refuse,
): RopeScaling | null {
  if (ropeDivisors !== null) return { kind: 'divisors', divisors: ropeDivisors };
  const kind = metadata[key('rope.scaling.type')] ?? 'none';
  if (kind === 'none') return null;
  if (kind !== 'linear')
    refuse(`rope scaling "${String(kind)}" is not supported in GGUF; supported is linear.`);
  return { kind: 'linear', factor: Number(metadata[key('rope.scaling.factor')] ?? 1) };
}
