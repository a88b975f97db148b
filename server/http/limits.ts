/** Limits of the HTTP surface. Every one has a name in the configuration. */
import type { AdmissionLimits } from '../admission/admission.ts';

export interface HttpLimits extends AdmissionLimits {
  readonly bodyBytes: number;
  /** From the first byte of a request to the end of its answer. */
  readonly requestMs: number;
  /** For a request's head and body to arrive. */
  readonly receiveMs: number;
  readonly maxConnections: number;
  /** A silent stream gets a comment this often. */
  readonly keepAliveMs: number;
  readonly ttftTargetMs: number;
  readonly tpotTargetMs: number;
}

/** Bounds on single fields, the same for all installations: OpenAI's where it names one. */
export const fieldLimits = {
  messages: 1024,
  prompts: 64,
  choices: 16,
  sequences: 64,
  stops: 4,
  stopCharacters: 256,
  stopTokenIds: 128,
  logitBias: 1024,
  topLogprobs: 20,
  embeddingInputs: 256,
  scoringInputs: 64,
  /** Of one text of feedback. */
  feedbackCharacters: 32_768,
  /** Of a remembered question or answer. */
  memoryCharacters: 2_000,
  idempotencyKeyCharacters: 255,
  /** Of one input: a row of logits over the vocabulary is held for each. */
  scoredTokens: 512,
  /** A text longer than this many characters per token of context cannot fit and is not even tokenized. */
  charactersPerToken: 32,
  /** Bytes a slow reader may leave unread before its request is cancelled. */
  unreadBytes: 1 << 20,
} as const;
