/**
 * One token stream being made: `numComputed` rows of `tokens` are in the cache, and work consists in catching up.
 */
import { createRng, type Rng } from '../../core/rng.ts';
import type { SequenceSpec, TokenLogprob } from './request.ts';

const none: readonly number[] = [];

export class Sequence {
  readonly spec: SequenceSpec;
  readonly arrivalMs: number;
  /** Prompt, then what was generated. */
  readonly tokens: number[];
  /** Leading tokens whose keys and values are in the slot. */
  numComputed = 0;
  /** Null while waiting. */
  slot: number | null = null;
  /** Caught up but for the token sampled last: takes part in each step. Slots decides it. */
  isDecoding = false;
  /** Prompt tokens that came from the prefix cache, first time round. */
  cachedTokens = 0;
  /** When it first got a slot. */
  startedMs: number | null = null;
  promptReported = false;
  readonly promptLogprobs: (TokenLogprob | null)[] | null;
  /** One draw per generated token, so that a seed gives the same text whatever else runs. */
  readonly rng: Rng;
  /** What was generated is a beginning of the guide's tokens. */
  private isGuided = true;
  /** How often each token was generated; for penalties. */
  readonly counts = new Map<number, number>();

  constructor(spec: SequenceSpec, arrivalMs: number) {
    this.spec = spec;
    this.arrivalMs = arrivalMs;
    this.tokens = [...spec.promptTokens];
    this.rng = createRng(spec.sampling.seed);
    this.promptLogprobs = spec.sampling.promptLogprobs === null ? null : [null];
  }

  get numPrompt(): number {
    return this.spec.promptTokens.length;
  }

  get numGenerated(): number {
    return this.tokens.length - this.numPrompt;
  }

  get numPending(): number {
    return this.tokens.length - this.numComputed;
  }

  /** What the guide would have next: a token of it, at its end one that ends the text. */
  get guided(): readonly number[] {
    const { sampling, stopTokenIds } = this.spec;
    if (sampling.guide === null || !this.isGuided) return none;
    const next = sampling.guide.tokens[this.numGenerated];
    return next === undefined ? stopTokenIds : [next];
  }

  append(token: number): void {
    if (token !== this.spec.sampling.guide?.tokens[this.numGenerated]) this.isGuided = false;
    this.tokens.push(token);
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
  }
}
