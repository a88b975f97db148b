/**
 * Perplexity of a text under an engine: exp of the mean negative log probability of each token given those before it
 * in its window. Windows do not overlap, and the first token of each is not scored.
 */
import { MillraceError } from '../../core/errors.ts';
import type { InferenceEngine } from '../batching/engine.ts';
import { greedy, type SequenceSpec, type TokenLogprob } from '../batching/request.ts';

export interface PerplexityOptions {
  readonly engine: InferenceEngine;
  readonly tokens: readonly number[];
  /** Tokens per window, 2 to the engine's context. */
  readonly windowTokens: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface Perplexity {
  readonly perplexity: number;
  /** Standard error of the perplexity over tokens, by the delta method. */
  readonly standardError: number;
  readonly numScored: number;
}

/** A sequence that generates nothing and reports the log probabilities of its prompt. */
function scoringSpec(id: string, promptTokens: readonly number[]): SequenceSpec {
  return {
    id,
    promptTokens,
    maxTokens: 0,
    sampling: { ...greedy, promptLogprobs: 0 },
    stopTokenIds: [],
    priority: 0,
    tenant: 'perplexity',
    adapter: null,
    // Each window has a scope of its own: a prefix from the cache would have no log probabilities.
    cacheScope: id,
    ttftTargetMs: 600_000,
    tpotTargetMs: 600_000,
  };
}

function scoreWindow(engine: InferenceEngine, spec: SequenceSpec): Promise<number[]> {
  return new Promise((resolve, reject) => {
    let scored: readonly (TokenLogprob | null)[] = [];
    engine.submit(spec, (event) => {
      if (event.kind === 'prompt') scored = event.promptLogprobs ?? [];
      if (event.kind !== 'end') return;
      const values = scored.flatMap((entry) => (entry === null ? [] : [entry.logprob]));
      if (event.reason === 'error' || values.length !== spec.promptTokens.length - 1)
        reject(new MillraceError('engine_failed', { reason: event.message ?? 'it scored too few tokens' }));
      else resolve(values);
    });
  });
}

/** Throws invalid_argument for a text of under two tokens, engine_failed when the engine does. */
export async function perplexityOf(options: PerplexityOptions): Promise<Perplexity> {
  const { engine, tokens, windowTokens } = options;
  if (tokens.length < 2)
    throw new MillraceError('invalid_argument', { message: 'The text has fewer than two tokens.' });
  const numWindows = Math.ceil(tokens.length / windowTokens);
  const logprobs: number[] = [];
  for (let index = 0; index < numWindows; index += 1) {
    const window = tokens.slice(index * windowTokens, (index + 1) * windowTokens);
    if (window.length >= 2)
      for (const value of await scoreWindow(engine, scoringSpec(`window-${index}`, window)))
        logprobs.push(value);
    options.onProgress(Math.min(tokens.length, (index + 1) * windowTokens), tokens.length);
  }
  const mean = logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
  const variance =
    logprobs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, logprobs.length - 1);
  const perplexity = Math.exp(-mean);
  return {
    perplexity,
    standardError: perplexity * Math.sqrt(variance / logprobs.length),
    numScored: logprobs.length,
  };
}
