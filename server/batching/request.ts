/** What crosses the border between gateway and engine host. Plain data: it is sent as structured clones. */

/** As long as the output is a beginning of `tokens`, the next of them, then an end, has `bias` added to its logit. */
export interface Guide {
  readonly tokens: readonly number[];
  readonly bias: number;
}

export interface SamplingParams {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 keeps all. */
  readonly topK: number;
  /** In (0, 1]; 1 keeps all. */
  readonly topP: number;
  /** In [0, 1]; keeps tokens with at least this share of the best one's probability; 0 keeps all. */
  readonly minP: number;
  /** Multiplicative, 1 is off (Keskar et al. 2019). Counts prompt and output. */
  readonly repetitionPenalty: number;
  /** Additive per occurrence in the output, as OpenAI defines it. */
  readonly frequencyPenalty: number;
  /** Additive once a token has occurred in the output. */
  readonly presencePenalty: number;
  /** [token id, addend]. */
  readonly logitBias: readonly (readonly [number, number])[];
  /** A text that the output is drawn to; null is none. */
  readonly guide: Guide | null;
  readonly seed: number;
  /** How many alternatives to report per generated token, 0-20; null reports nothing. */
  readonly logprobs: number | null;
  /** The same for the prompt's own tokens (echo). */
  readonly promptLogprobs: number | null;
}

/** The likeliest token each time, and nothing else asked for. */
export const greedy: SamplingParams = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [],
  guide: null,
  seed: 0,
  logprobs: null,
  promptLogprobs: null,
};

export interface SequenceSpec {
  /** Unique among the running ones. */
  readonly id: string;
  readonly promptTokens: readonly number[];
  /** New tokens at most; 0 only prefills (echo with logprobs). */
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  /** Generation ends after one of these; they are reported as the last token. */
  readonly stopTokenIds: readonly number[];
  /** Higher goes first, -100…100, default 0. */
  readonly priority: number;
  /** Who pays, for fairness. */
  readonly tenant: string;
  /** Id of the adapter that it is made with, from its first token to its last; null is the base alone. */
  readonly adapter: string | null;
  /** Prefixes are shared only between equal scopes: version, adapter and tenant in one string. */
  readonly cacheScope: string;
  /** Targets that the scheduler tries to keep, in milliseconds. */
  readonly ttftTargetMs: number;
  readonly tpotTargetMs: number;
}

/** Natural log probabilities. `top` is best first and includes the token itself only if it is among the best. */
export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
  readonly top: readonly (readonly [number, number])[];
}

export type FinishReason = 'stop' | 'length' | 'cancelled' | 'error';

export type SequenceEvent =
  /** It has its first slot: from now on its prompt is computed. Told once, also where it loses the slot again. */
  | { readonly kind: 'start'; readonly id: string; readonly queueMs: number }
  /** The prompt is computed; `cachedTokens` of it came from the prefix cache. Entry 0 of promptLogprobs is null. */
  | {
      readonly kind: 'prompt';
      readonly id: string;
      readonly cachedTokens: number;
      readonly queueMs: number;
      readonly promptLogprobs: readonly (TokenLogprob | null)[] | null;
    }
  | {
      readonly kind: 'token';
      readonly id: string;
      readonly token: number;
      readonly logprob: TokenLogprob | null;
    }
  | {
      readonly kind: 'end';
      readonly id: string;
      readonly reason: FinishReason;
      readonly numGenerated: number;
      /** For people, with reason 'error'. */
      readonly message: string | null;
    };
