import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Silence } from './silence.ts';

test('silence grows from look to look, and ends with a word', () => {
  const silence = new Silence(200);
  assert.deepEqual(
    [1_000, 1_100, 1_250].map((nowMs) => silence.look(nowMs)),
    [0, 100, 250],
  );
  silence.heard();
  assert.deepEqual(
    [1_250, 1_350].map((nowMs) => silence.look(nowMs)),
    [0, 100],
  );
});

test('an hour in which this process did not run either counts as one look', () => {
  const silence = new Silence(200);
  silence.look(0);
  assert.equal(silence.look(3_600_000), 200);
  assert.equal(silence.look(3_600_100), 300);
});
