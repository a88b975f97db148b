import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Example } from '../examples/example.ts';
import { type Line, newLine } from './line.ts';
import { type Ground, rebase } from './rebase.ts';

const limits = { maxExamples: 100, maxPerAccount: 100 };
const nowMs = 5_000;

const example = (id: string): Example => ({
  id,
  tenant: 't',
  account: 'ann',
  model: 'm',
  receivedMs: 0,
  context: { kind: 'text', prompt: id },
  kind: 'answer',
  answer: id,
});

const lineOf = (learned: string, waiting: string, more: Partial<Line> = {}): Line => ({
  ...newLine,
  head: 'old-head',
  turn: 40,
  numUpdates: 7,
  replay: [...learned].map((id) => ({ example: example(id), interval: 8, due: 30 })),
  waiting: [...waiting].map((id) => ({ example: example(id), sinceMs: 1, refusals: 0 })),
  ...more,
});

const groundOf = (held: string, more: Partial<Ground> = {}): Ground => ({
  base: 'sha256:b',
  head: null,
  held: new Map([...held].map((id) => [id, `version-${id}`])),
  undone: new Set(),
  ...more,
});

const learnedIn = ({ replay }: Line): string => replay.map(({ example: { id } }) => id).join('');
const waitingIn = ({ waiting }: Line): string => waiting.map(({ example: { id } }) => id).join('');

test('what was learned after the merged version waits to be learned again, before what waited already', () => {
  const { line, fates } = rebase(lineOf('abcd', 'x'), groundOf('ab'), limits, nowMs);
  assert.deepEqual([learnedIn(line), waitingIn(line)], ['ab', 'cdx']);
  assert.deepEqual([line.head, line.base, line.turn, line.numUpdates], [null, 'sha256:b', 40, 7]);
  assert.deepEqual(line.replay[0], { example: example('a'), interval: 8, due: 30 });
  assert.deepEqual(
    line.waiting.map(({ sinceMs }) => sinceMs),
    [nowMs, nowMs, 1],
  );
  assert.deepEqual(
    fates.map(({ id, state }) => [id, state.kind]),
    [
      ['c', 'queued'],
      ['d', 'queued'],
    ],
  );
});

test('what waits and is in the base to come is learned, and is not learned twice', () => {
  const { line, fates } = rebase(lineOf('a', 'bx'), groundOf('ab', { head: 'there' }), limits, nowMs);
  assert.deepEqual([learnedIn(line), waitingIn(line), line.head], ['ab', 'x', 'there']);
  assert.deepEqual(fates, [{ id: 'b', state: { kind: 'trained', version: 'version-b' } }]);
});

test('there and back again is where it was', () => {
  const before = lineOf('abcd', 'x', { base: 'sha256:a' });
  const there = rebase(before, groundOf('ab'), limits, nowMs).line;
  const back = groundOf('abcd', { base: 'sha256:a', head: 'old-head' });
  const { line } = rebase(there, back, limits, nowMs);
  assert.deepEqual(
    [learnedIn(line), waitingIn(line), line.head, line.base],
    ['abcd', 'x', 'old-head', 'sha256:a'],
  );
});

test('what was undone stays away, whether it was learned or waited', () => {
  const undone = new Set(['b', 'x']);
  const { line, fates } = rebase(lineOf('abc', 'xy'), groundOf('ac', { undone }), limits, nowMs);
  assert.deepEqual([learnedIn(line), waitingIn(line)], ['ac', 'y']);
  assert.deepEqual(
    fates.map(({ id, state }) => [id, state.kind]),
    [
      ['b', 'dropped'],
      ['x', 'dropped'],
    ],
  );
});

test('every row is in one place afterwards, and what finds no place is told so', () => {
  const ids = Array.from({ length: 1_003 }, (_, index) => String.fromCharCode(0x4e00 + index)).join('');
  const { line, fates } = rebase(lineOf(ids, 'xyz'), groundOf('x'), limits, nowMs);
  const droppedIds = fates.filter(({ state }) => state.kind === 'dropped').map(({ id }) => id);
  assert.equal(line.waiting.length, 1_000);
  const all = [...learnedIn(line), ...waitingIn(line), ...droppedIds];
  assert.deepEqual(all.toSorted(), [...ids, 'x', 'y', 'z'].toSorted());
  const queued = new Map(fates.map(({ id, state }) => [id, state.kind]));
  for (const id of droppedIds) assert.equal(queued.get(id), 'dropped', 'the last word on it');
});
