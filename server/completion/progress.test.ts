import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SequenceEvent } from '../batching/request.ts';
import { type CompletionRequest, EngineFailure, startCompletion } from './completion.ts';

/** A request for `numChoices` choices, on an engine that says what the test has it say, at the time that the test sets. */
function begin(numChoices = 1) {
  const listeners = new Map<string, (event: SequenceEvent) => void>();
  const engine = {
    submit: ({ id }: { id: string }, onEvent: (event: SequenceEvent) => void) =>
      void listeners.set(id, onEvent),
    cancel: () => {},
  };
  const model = { engine, version: 'v', tokenizer: { tokenBytes: () => new Uint8Array() } };
  const request = {
    id: 'r',
    model,
    prompts: [[1, 2, 3]],
    numChoices,
    maxTokens: 9,
    sampling: { seed: 0 },
    stop: [],
    stopTokenIds: [7],
  } as unknown as CompletionRequest;
  let nowMs = 1_000;
  const gaps: number[] = [];
  const sink = { delta() {}, gap: (gapMs: number) => void gaps.push(gapMs) };
  const running = startCompletion(request, sink, () => nowMs);
  const say = (atMs: number, event: Omit<SequenceEvent, 'id'>, choice = 0): void => {
    nowMs = 1_000 + atMs;
    listeners.get(`r#${choice}`)!({ ...event, id: `r#${choice}` } as SequenceEvent);
  };
  return { running, say, gaps };
}

const start = (queueMs: number) => ({ kind: 'start', queueMs }) as const;
const prompt = { kind: 'prompt', cachedTokens: 2, queueMs: 5, promptLogprobs: null } as const;
const token = { kind: 'token', token: 7, logprob: null } as const;
const end = (reason: 'stop' | 'error') => ({ kind: 'end', reason, numGenerated: 1, message: null }) as const;

test('the phase is that of the sequence which has come furthest', () => {
  const { running, say } = begin(2);
  assert.equal(running.progress().phase, 'queued');
  say(5, start(5));
  assert.deepEqual([running.progress().phase, running.progress().queueMs], ['prefill', 5]);
  say(9, prompt);
  assert.equal(running.progress().phase, 'prefill');
  say(9, token);
  say(30, start(30), 1);
  const { phase, queueMs, ttftMs } = running.progress();
  assert.deepEqual([phase, queueMs, ttftMs], ['decode', 30, 9]);
});

test('the time between tokens is told of each choice for itself', () => {
  const { say, gaps } = begin(2);
  for (const choice of [0, 1]) say(10, prompt, choice);
  say(10, token);
  say(12, token, 1);
  say(40, token);
  say(45, token, 1);
  assert.deepEqual(gaps, [30, 33]);
});

test('how far it came can be asked when it has failed, too', async () => {
  const { running, say } = begin();
  say(3, start(3));
  say(8, prompt);
  say(8, token);
  say(20, token);
  say(90, end('error'));
  await assert.rejects(running.result, EngineFailure);
  assert.deepEqual(running.progress(), {
    phase: 'decode',
    queueMs: 5,
    ttftMs: 8,
    lastTokenMs: 20,
    completionTokens: 2,
    cachedTokens: 2,
    finishes: [null],
  });
});

test('an answer says how each of its choices ended', async () => {
  const { running, say } = begin();
  say(8, prompt);
  say(8, token);
  say(9, end('stop'));
  assert.equal((await running.result).usage.completionTokens, 1);
  assert.deepEqual(running.progress().finishes, ['stop']);
});
