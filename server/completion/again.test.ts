import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greedy, type SequenceSpec } from '../batching/request.ts';
import { createNullModel } from '../null-model.ts';
import { answerAgain } from './again.ts';
import type { CompletionRequest } from './completion.ts';

const model = createNullModel(256);
const asked: SequenceSpec[] = [];
const request: CompletionRequest = {
  id: 'r',
  model: {
    ...model,
    engine: {
      ...model.engine,
      submit: (spec, onEvent) => {
        asked.push(spec);
        model.engine.submit(spec, onEvent);
      },
    },
  },
  prompts: [
    [1, 2],
    [3, 4],
  ],
  numChoices: 2,
  maxTokens: 3,
  sampling: { ...greedy, temperature: 0.5, seed: 9, logprobs: 5, promptLogprobs: 1 },
  stop: [],
  stopTokenIds: [7],
  priority: -100,
  tenant: 't',
  adapter: 'shown',
  name: 'null',
  version: 'v',
  ttftTargetMs: 1,
  tpotTargetMs: 1,
};

test('the first choice is made again by the other version, behind all others and at nobody’s cost', async () => {
  let nowMs = 0;
  const options = { adapter: 'shadow', signal: new AbortController().signal, nowMs: () => (nowMs += 10) };
  const { text, durationMs } = await answerAgain(request, options);
  assert.equal(text, '...');
  assert.equal(durationMs, nowMs - 10);
  const [spec, ...others] = asked;
  assert.deepEqual(others, []);
  const { id, promptTokens, maxTokens, stopTokenIds, adapter, tenant, priority, sampling } = spec!;
  assert.deepEqual([promptTokens, maxTokens, stopTokenIds, adapter], [[1, 2], 3, [7], 'shadow']);
  assert.deepEqual(sampling, { ...request.sampling, logprobs: null, promptLogprobs: null });
  assert.ok(priority < -100, 'below what anybody can ask for');
  assert.notEqual(tenant, 't');
  assert.notEqual(id, 'r#0');
});
