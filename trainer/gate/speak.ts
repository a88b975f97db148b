/**
 * What a model says when it always takes the likeliest token, without a cache: a whole guess is scored in one run, what
 * the model agrees with is certain, and its own choices are the next guess (Jacobi decoding, Santilli et al. 2023). A
 * good guess takes one run.
 */
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';

export interface Spoken {
  /** The likeliest tokens, and the log probability of each. */
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** What speaks and is listened to. */
export type Speaker = Pick<TrainableModel, 'trunk' | 'forward' | 'base'>;

/** Tokens that are guessed ahead. */
const window = 6;
const nothing: Spoken = { tokens: [], logprobs: [] };

/** Goes on behind `prompt` for `numTokens`, or until `isEnough` of what is certain; at most a run for each token. */
export async function speak(
  speaker: Speaker,
  values: Parameters,
  prompt: readonly number[],
  { guess, numTokens, isEnough }: SpeakOptions,
): Promise<Spoken> {
  let said = nothing;
  let ahead = guess;
  while (said.tokens.length < numTokens && !isEnough(said)) {
    const left = Math.min(window, numTokens - said.tokens.length);
    const filled = Array.from({ length: left }, (_, index) => ahead[index] ?? prompt.at(-1)!);
    const next = await listen(speaker, values, [...prompt, ...said.tokens], filled);
    said = joined(said, next.certain);
    ahead = next.ahead;
  }
  return said;
}

export interface SpeakOptions {
  /** What is expected; a wrong one costs time only. */
  readonly guess: readonly number[];
  readonly numTokens: number;
  readonly isEnough: (said: Spoken) => boolean;
}

const joined = (a: Spoken, b: Spoken): Spoken => ({
  tokens: [...a.tokens, ...b.tokens],
  logprobs: [...a.logprobs, ...b.logprobs],
});

async function listen(
  { trunk, forward, base }: Speaker,
  values: Parameters,
  before: readonly number[],
  guess: readonly number[],
): Promise<{ certain: Spoken; ahead: readonly number[] }> {
  const texts = await trunk.prepare([{ tokens: [...before, ...guess], from: before.length }]);
  const [scored] = await forward.score(values, texts, { logits: 'all' });
  const tokens = likeliest(scored!, base.config.vocabSize);
  const differs = tokens.findIndex((token, index) => token !== guess[index]);
  // The first choice that differs follows from what was agreed on.
  const numCertain = differs === -1 ? tokens.length : differs + 1;
  const certain = {
    tokens: tokens.slice(0, numCertain),
    logprobs: [...scored!.best.subarray(0, numCertain)],
  };
  return { certain, ahead: tokens.slice(numCertain) };
}

function likeliest({ logits }: Scored, vocabSize: number): number[] {
  return Array.from({ length: logits.length / vocabSize }, (_, row) => {
    let best = row * vocabSize;
    for (let at = best + 1; at < (row + 1) * vocabSize; at++) if (logits[at]! > logits[best]!) best = at;
    return best - row * vocabSize;
  });
}
