import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { type EngineState, noStats } from '../batching/engine.ts';
import { type CompletionRequest, type CompletionResult, EngineFailure } from '../completion/completion.ts';
import { type Outcome, observed } from './outcome.ts';

let state: EngineState = 'ready';
const engine = { stats: () => ({ ...noStats, numRunning: 2, numWaiting: 1 }), state: () => state };
const request = (numChoices = 1, prompts: readonly number[][] = [[1]]): CompletionRequest =>
  ({ prompts, numChoices, model: { engine } }) as unknown as CompletionRequest;
const resultOf = (about: Partial<CompletionResult['usage']> = {}): CompletionResult => ({
  usage: { promptTokens: 40, completionTokens: 11, cachedTokens: 16, ...about },
  ttftMs: 50,
  queueMs: 0,
});

/** What is told of a request that takes 250 ms. */
async function tellOf(run: () => Promise<CompletionResult>, completion = request()): Promise<Outcome[]> {
  const told: Outcome[] = [];
  const times = [1_000, 1_250];
  const onOutcome = (outcome: Outcome): void => void told.push(outcome);
  const nowMs = (): number => times.shift()!;
  await observed(run, { completion, nowMs, answers: () => ['text'], onOutcome }).catch(() => null);
  return told;
}

test('an answer tells its latencies, its load with itself, and its texts', async () => {
  assert.deepEqual(await tellOf(async () => resultOf()), [
    // (250 - 50) ms for the ten tokens after the first.
    { kind: 'answer', ttftMs: 50, tpotMs: 20, durationMs: 250, load: 4, answers: ['text'] },
  ]);
});

test('no time is told where it would not be the version’s', async () => {
  const timesOf = async (result: CompletionResult, completion = request()) => {
    const [outcome] = await tellOf(async () => result, completion);
    return outcome?.kind === 'answer' ? [outcome.ttftMs, outcome.tpotMs] : null;
  };
  assert.deepEqual(
    await timesOf(resultOf({ promptTokens: 500 })),
    [null, 20],
    'a prompt that was not cached',
  );
  assert.deepEqual(await timesOf(resultOf({ promptTokens: 500, cachedTokens: 448 })), [50, 20]);
  assert.deepEqual(await timesOf(resultOf({ completionTokens: 1 })), [50, null], 'there is no later token');
  assert.deepEqual(await timesOf(resultOf(), request(2)), [50, null], 'two sequences at once');
  assert.deepEqual(await timesOf(resultOf(), request(1, [[1], [2]])), [50, null]);
});

test('only what the engine fails while it works is the version’s failure', async () => {
  const fail = (error: unknown) => tellOf(() => Promise.reject(error));
  assert.deepEqual(await fail(new EngineFailure('a step failed')), [{ kind: 'failure' }]);
  assert.deepEqual(await fail(new Error('the client left')), []);
  assert.deepEqual(await fail(new MillraceError('engine_failed', { reason: 'late', retryAfterMs: 1 })), []);
  assert.deepEqual(await fail(new EngineFailure('the adapter 0123456789ab is not loaded')), []);
  state = 'restarting';
  assert.deepEqual(await fail(new EngineFailure('the engine host ended with SIGKILL')), []);
  state = 'ready';
});

test('whoever does not want to know costs nothing, and errors and results pass through', async () => {
  const untold = { completion: null as unknown as CompletionRequest, nowMs: () => 0, answers: () => [] };
  const result = resultOf();
  assert.equal(await observed(async () => result, { ...untold, onOutcome: null }), result);
  const failure = new EngineFailure('x');
  const told = { ...untold, completion: request(), onOutcome: () => {} };
  await assert.rejects(
    observed(() => Promise.reject(failure), told),
    failure,
  );
});
