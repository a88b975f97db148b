/**
 * From a row of logits to a token. The order is Hugging Face's: penalties and bias on all logits, then
 * temperature, then top-k, top-p and min-p on what is left, then one draw.
 */
import type { SamplingParams, TokenLogprob } from './request.ts';
import type { Sequence } from './sequence.ts';
import { topIndices } from './top.ts';

/** With more candidates than this, the tail beyond holds no probability worth a draw at fp32. */
const maxCandidates = 1024;

/** The next token of `sequence`. `logits` is its row, [vocab]; it is changed in place by penalties and bias. */
export function sample(sequence: Sequence, logits: Float32Array): number {
  const { sampling } = sequence.spec;
  applyPenalties(sequence, logits);
  for (const [token, bias] of sampling.logitBias) logits[token]! += bias;
  for (const token of sequence.guided) logits[token]! += sampling.guide!.bias;
  // A draw per token even when greedy: turning the temperature on later does not shift the stream.
  const draw = sequence.rng.next();
  if (sampling.temperature === 0) return argmax(logits);
  return drawToken(logits, sampling, draw);
}

/** Index of the largest value; of equals the first. Four at a time: this runs over every row of every step. */
export function argmax(values: Float32Array): number {
  const whole = values.length - (values.length % 4);
  let best = 0;
  for (let i = 0; i < whole; i += 4) {
    const bound = values[best]!;
    if (values[i]! > bound || values[i + 1]! > bound || values[i + 2]! > bound || values[i + 3]! > bound) {
      for (let j = i; j < i + 4; j++) if (values[j]! > values[best]!) best = j;
    }
  }
  for (let i = whole; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Log probability of `token` and of the `numTop` best, from raw logits [vocab]. */
export function logprobOf(logits: Float32Array, token: number, numTop: number): TokenLogprob {
  const norm = logSumExp(logits);
  const top = topIndices(logits, numTop).map((index) => [index, logits[index]! - norm] as const);
  return { token, logprob: logits[token]! - norm, top };
}

function logSumExp(logits: Float32Array): number {
  const max = logits[argmax(logits)]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - max);
  return max + Math.log(sum);
}

/** Repetition (Keskar et al. 2019: over prompt and output), frequency and presence (OpenAI: over the output). */
function applyPenalties(sequence: Sequence, logits: Float32Array): void {
  const { repetitionPenalty, frequencyPenalty, presencePenalty } = sequence.spec.sampling;
  if (repetitionPenalty !== 1) {
    for (const token of new Set(sequence.tokens)) {
      const value = logits[token]!;
      logits[token] = value > 0 ? value / repetitionPenalty : value * repetitionPenalty;
    }
  }
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  for (const [token, count] of sequence.counts) {
    logits[token]! -= count * frequencyPenalty + presencePenalty;
  }
}

function drawToken(logits: Float32Array, sampling: SamplingParams, draw: number): number {
  const isOpen = sampling.topK === 0 && sampling.topP === 1 && sampling.minP === 0;
  if (isOpen) return drawFromAll(logits, sampling.temperature, draw);
  const limit = sampling.topK === 0 ? maxCandidates : Math.min(sampling.topK, maxCandidates);
  const candidates = topIndices(logits, limit);
  const best = logits[candidates[0]!]!;
  const weights = candidates.map((index) => Math.exp((logits[index]! - best) / sampling.temperature));
  // Top-p is a share of everything that top-k has left, which is the whole vocabulary when top-k is off.
  const total =
    sampling.topK === 0
      ? totalWeight(logits, best, sampling.temperature)
      : weights.reduce((a, b) => a + b, 0);
  const kept = keptByTopP(weights, total * sampling.topP, sampling.minP);
  let remaining = draw * weights.slice(0, kept).reduce((a, b) => a + b, 0);
  for (let i = 0; i < kept; i++) {
    remaining -= weights[i]!;
    if (remaining < 0) return candidates[i]!;
  }
  return candidates[kept - 1]!;
}

/** How many of the descending weights stay: the fewest whose sum reaches `mass`, and none below minP. */
function keptByTopP(weights: readonly number[], mass: number, minP: number): number {
  let [sum, kept] = [0, 0];
  while (kept < weights.length && (kept === 0 || (sum < mass && weights[kept]! >= minP)))
    sum += weights[kept++]!;
  return kept;
}

function drawFromAll(logits: Float32Array, temperature: number, draw: number): number {
  const best = argmax(logits);
  let remaining = draw * totalWeight(logits, logits[best]!, temperature);
  for (let i = 0; i < logits.length; i++) {
    remaining -= Math.exp((logits[i]! - logits[best]!) / temperature);
    if (remaining < 0) return i;
  }
  return best;
}

function totalWeight(logits: Float32Array, best: number, temperature: number): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - best) / temperature);
  return sum;
}
