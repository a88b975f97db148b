/** What a model is, in one shape for every checkpoint format. Sizes are element counts. */

export const decoderFamilies = ['llama', 'mistral', 'qwen2', 'qwen3'] as const;
export type DecoderFamily = (typeof decoderFamilies)[number];

export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  /** Each frequency has its own divisor, [headSize / 2]: how a GGUF stores any scaling. */
  | { readonly kind: 'divisors'; readonly divisors: readonly number[] }
  | {
      /** Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, with a smooth ramp between. */
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxContext: number;
    };

export interface DecoderConfig {
  readonly kind: 'decoder';
  readonly family: DecoderFamily;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  /** Tokens, prompt and answer together. */
  readonly maxContext: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling | null;
  /** A token sees itself and this many - 1 before it; null sees all. */
  readonly slidingWindow: number | null;
  /** Biases on q, k and v. */
  readonly qkvBias: boolean;
  /** RMSNorm over each head of q and k before the rotary embedding. */
  readonly qkNorm: boolean;
  /** The output head shares the embedding matrix. */
  readonly tiedEmbeddings: boolean;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
}

export interface EncoderConfig {
  readonly kind: 'encoder';
  readonly family: 'bert';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly maxContext: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly pooling: 'mean' | 'cls';
  readonly normalize: boolean;
}

export type ModelConfig = DecoderConfig | EncoderConfig;
