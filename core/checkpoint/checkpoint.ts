/** A checkpoint opened for reading: names and shapes are known at once, data is read tensor by tensor. */
import type { ModelConfig } from '../arch/config.ts';
import type { TokenizerFiles } from '../tokenizer/tokenizer.ts';

export interface TensorInfo {
  /** Row-major, outermost first, as in the Hugging Face checkpoint: a linear is [out, in]. */
  readonly shape: readonly number[];
  /** As stored, for `inspect`: "BF16", "Q4_1". */
  readonly dtype: string;
  readonly bytes: number;
}

export interface Checkpoint {
  readonly format: 'gguf' | 'hugging-face';
  readonly path: string;
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerFiles;
  /** Keyed by Hugging Face names whatever the format: "model.layers.0.self_attn.q_proj.weight". */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * One tensor as fp32, dequantized, in Hugging Face layout (q and k rows for half-rotary, not interleaved).
   * The array is fresh: the caller owns it. Throws checkpoint_invalid when the name is unknown or data is short.
   */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}
