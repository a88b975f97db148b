/** Answers every sequence at once with one and the same token: what is left to measure is the gateway. */
import { type EngineStats, type InferenceEngine, noStats } from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';

const idle: EngineStats = { ...noStats, numSlots: 1024 };

export function createNullEngine(options: {
  maxContext: number;
  vocabSize: number;
  token: number;
}): InferenceEngine {
  const { maxContext, vocabSize, token } = options;
  const answer = ({ id, maxTokens }: SequenceSpec, onEvent: (event: SequenceEvent) => void): void => {
    onEvent({ kind: 'prompt', id, cachedTokens: 0, queueMs: 0, promptLogprobs: null });
    for (let index = 0; index < maxTokens; index++) onEvent({ kind: 'token', id, token, logprob: null });
    onEvent({ kind: 'end', id, reason: 'length', numGenerated: maxTokens, message: null });
  };
  return {
    version: 'null',
    maxContext,
    vocabSize,
    state: () => 'ready',
    stats: () => idle,
    submit: (spec, onEvent) => queueMicrotask(() => answer(spec, onEvent)),
    cancel: () => {},
    loadAdapter: async () => {},
    shareCpu: () => {},
    dropAdapter: () => {},
    close: async () => {},
  };
}
