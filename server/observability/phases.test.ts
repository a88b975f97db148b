import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phasesOf } from './phases.ts';
import type { Generation, Inference } from './tracing.ts';

type Times = Pick<Generation, 'queueMs' | 'ttftMs' | 'lastTokenMs' | 'isStream'>;

/** Of a request from 100 ms to 200 ms: name, from, until. */
const phases = (times: Times) =>
  phasesOf({ startMs: 100, endMs: 200, generation: times } as unknown as Inference).map(
    ({ name, fromMs, untilMs }) => [name, fromMs, untilMs],
  );

test('the phases of a whole answer follow one another', () => {
  const times = { queueMs: 10, ttftMs: 40, lastTokenMs: 95 };
  assert.deepEqual(phases({ ...times, isStream: false }), [
    ['queue', 100, 110],
    ['prefill', 110, 140],
    ['decode', 140, 195],
  ]);
  assert.deepEqual(phases({ ...times, isStream: true }).at(-1), ['stream', 140, 200]);
});

test('what was not reached is no phase', () => {
  const none = { ttftMs: null, lastTokenMs: null, isStream: true };
  assert.deepEqual(phases({ ...none, queueMs: null }), [['queue', 100, 200]]);
  assert.deepEqual(phases({ ...none, queueMs: 30 }), [
    ['queue', 100, 130],
    ['prefill', 130, 200],
  ]);
});

test('a first token that came before the last sequence had its slot ends the queue', () => {
  assert.deepEqual(phases({ queueMs: 50, ttftMs: 20, lastTokenMs: 90, isStream: false }), [
    ['queue', 100, 120],
    ['prefill', 120, 120],
    ['decode', 120, 190],
  ]);
});
