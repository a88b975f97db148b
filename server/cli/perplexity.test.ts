import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferenceEngine } from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';
import { perplexityOf } from './perplexity.ts';

/** An engine that only scores: token t after anything has the probability that `probability` says. */
function scorer(probability: (token: number) => number, seen: SequenceSpec[] = []): InferenceEngine {
  const submit = (spec: SequenceSpec, onEvent: (event: SequenceEvent) => void): void => {
    seen.push(spec);
    const { id } = spec;
    const promptLogprobs = spec.promptTokens.map((token, index) =>
      index === 0 ? null : { token, logprob: Math.log(probability(token)), top: [] },
    );
    onEvent({ kind: 'prompt', id, cachedTokens: 0, queueMs: 0, promptLogprobs });
    onEvent({ kind: 'end', id, reason: 'length', numGenerated: 0, message: null });
  };
  return { submit } as Partial<InferenceEngine> as InferenceEngine;
}

const onProgress = (): void => {};
const count = (length: number) => Array.from({ length }, (_, index) => index);

test('a model that is undecided among k tokens has perplexity k, without error', async () => {
  const result = await perplexityOf({
    engine: scorer(() => 1 / 50),
    tokens: count(100),
    windowTokens: 32,
    onProgress,
  });
  assert.ok(Math.abs(result.perplexity - 50) < 1e-9);
  assert.ok(result.standardError < 1e-9);
});

test('it is the geometric mean of the inverse probabilities', async () => {
  const engine = scorer((token) => (token % 2 === 0 ? 1 / 2 : 1 / 8));
  const result = await perplexityOf({ engine, tokens: count(5), windowTokens: 8, onProgress });
  assert.ok(Math.abs(result.perplexity - 4) < 1e-12); // tokens 1 to 4: 8, 2, 8, 2
  assert.equal(result.numScored, 4);
});

test('windows cover the text once, each without its first token, a lone last token aside', async () => {
  const seen: SequenceSpec[] = [];
  const { numScored } = await perplexityOf({
    engine: scorer(() => 0.5, seen),
    tokens: count(9),
    windowTokens: 4,
    onProgress,
  });
  assert.deepEqual(
    seen.map(({ promptTokens }) => promptTokens),
    [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ],
  );
  assert.equal(numScored, 6);
  assert.equal(new Set(seen.map(({ cacheScope }) => cacheScope)).size, 2);
});

test('a failing engine and a text too short to score are errors', async () => {
  const submit: InferenceEngine['submit'] = (spec, onEvent) =>
    onEvent({ kind: 'end', id: spec.id, reason: 'error', numGenerated: 0, message: 'lost its host' });
  const engine = { submit } as Partial<InferenceEngine> as InferenceEngine;
  await assert.rejects(
    perplexityOf({ engine, tokens: [1, 2, 3], windowTokens: 8, onProgress }),
    /lost its host/,
  );
  await assert.rejects(
    perplexityOf({ engine, tokens: [1], windowTokens: 8, onProgress }),
    /fewer than two tokens/,
  );
});
