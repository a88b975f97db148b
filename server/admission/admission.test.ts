import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { type EngineStats, type InferenceEngine, noStats } from '../batching/engine.ts';
import { Admission, type AdmissionLimits, type Newcomer } from './admission.ts';

/** 10 sequences at once, an answer of 64 tokens every 64 ms, 1,000 prompt tokens per second. */
const speeds = { numSlots: 10, decodeTokensPerSecond: 1_000, prefillTokensPerSecond: 1_000 };

function createWorld(limits: Partial<AdmissionLimits> = {}, stats: Partial<EngineStats> = speeds) {
  let nowMs = 0;
  const engine = {
    state: () => 'ready',
    stats: () => ({ ...noStats, ...stats }),
  } as unknown as InferenceEngine;
  const admission = new Admission(
    engine,
    { maxWaiting: 1_000, maxWaitMs: 1e9, ...limits },
    { nowMs: () => nowMs },
  );
  const ask = (newcomer: Partial<Newcomer> = {}) =>
    admission.admit({ tenant: 'a', numSequences: 1, promptTokens: 0, ...newcomer });
  const refusal = (newcomer: Partial<Newcomer> = {}): MillraceError => {
    try {
      ask(newcomer);
    } catch (error) {
      if (error instanceof MillraceError) return error;
      throw error;
    }
    return assert.fail('it was let in');
  };
  return { admission, ask, refusal, pass: (ms: number) => void (nowMs += ms) };
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
const retryOf = ({ details }: MillraceError): number => Number(details.retryAfterMs);

test('slots and queue are filled and no more, and each end makes room for one', () => {
  const { ask, refusal } = createWorld({ maxWaiting: 5 });
  const running = times(15, ask);
  assert.equal(refusal().code, 'queue_full');
  running[0]!.started();
  assert.equal(refusal().code, 'queue_full', 'a first token makes no room');
  running[0]!.ended(64);
  ask();
  assert.equal(refusal().code, 'queue_full');
});

test('what is counted in is counted out again, whether it began or not', () => {
  const { admission, ask } = createWorld();
  const [begun, never] = [ask({ numSequences: 3, promptTokens: 50 }), ask({ tenant: 'b', promptTokens: 20 })];
  begun!.started();
  begun!.started();
  begun!.ended(30);
  never!.ended(0);
  assert.equal(admission.numInFlight, 0);
  // As in an empty server: nothing of the backlogs is left.
  const full = times(1_010, ask);
  assert.equal(full.length, 1_010);
});

test('prompts on their way to the first token are waited for, those that are there are not', () => {
  const { ask, refusal } = createWorld({ maxWaitMs: 500 });
  const first = ask({ promptTokens: 600 });
  const error = refusal({ promptTokens: 1 });
  assert.equal(error.code, 'deadline_unmeetable');
  assert.ok(retryOf(error) >= 100, 'the prompt is done with 100 ms later');
  first.started();
  ask({ promptTokens: 1 });
});

test('a prompt of its own keeps nobody out', () => {
  createWorld({ maxWaitMs: 500 }).ask({ promptTokens: 100_000 });
});

test('a tenant that floods waits for itself, and another one passes', () => {
  const { ask, refusal } = createWorld({ maxWaitMs: 200, maxWaiting: 20 });
  for (;;) {
    try {
      ask({ tenant: 'loud', promptTokens: 10 });
    } catch {
      break;
    }
  }
  assert.equal(refusal({ tenant: 'loud', promptTokens: 10 }).code, 'deadline_unmeetable');
  ask({ tenant: 'quiet', promptTokens: 10 });
  ask({ tenant: 'quiet', promptTokens: 10 });
});

test('a queue that one tenant has filled still has the share of another, and an end', () => {
  const { ask, refusal } = createWorld({ maxWaiting: 20 });
  times(30, () => ask({ tenant: 'loud' }));
  assert.equal(refusal({ tenant: 'loud' }).code, 'queue_full');
  times(10, () => ask({ tenant: 'quiet' }));
  assert.equal(refusal({ tenant: 'quiet' }).code, 'queue_full');
  for (let tenant = 0; ; tenant++) {
    try {
      ask({ tenant: `${tenant}` });
    } catch {
      // 10 in slots, 20 that wait, and as many again.
      assert.equal(tenant, 50 - 40);
      return;
    }
  }
});

test('those that are refused are told different times, and each is let in at its own', () => {
  const { ask, refusal, pass } = createWorld({ maxWaitMs: 100 });
  const inside = times(11, ask);
  const waits = times(20, () => retryOf(refusal()));
  assert.deepEqual(
    waits,
    waits.toSorted((a, b) => a - b),
  );
  let nowMs = 0;
  for (const waitMs of waits) {
    // One answer ends every 64 ms, as the server measures itself.
    while (nowMs + 64 <= waitMs) {
      pass(64);
      nowMs += 64;
      inside.shift()?.ended(64);
    }
    inside.push(ask());
  }
});

test('once there is room, times to come back begin anew', () => {
  const { ask, refusal, pass } = createWorld({ maxWaiting: 0 });
  const inside = times(10, ask);
  const waits = times(100, () => retryOf(refusal()));
  assert.ok(waits.at(-1)! > 5_000);
  for (const each of inside) each.ended(64);
  pass(500);
  const gap = times(10, ask);
  assert.ok(retryOf(refusal()) > 5_000, 'a gap between two refusals is no room');
  for (const each of gap) each.ended(64);
  pass(1_000);
  times(10, ask);
  assert.ok(retryOf(refusal()) < 200);
});

test('no time to come back is longer than clients would wait', () => {
  const { ask, refusal } = createWorld({ maxWaiting: 0 });
  times(10, ask);
  const waits = times(5_000, () => retryOf(refusal()));
  assert.ok(Math.max(...waits) <= 60_000);
  assert.ok(waits[0]! < 200, `the first is told ${waits[0]} ms`);
});
