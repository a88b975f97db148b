import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRng } from '../../core/rng.ts';
import type { Example } from '../examples/example.ts';
import { ReplayBuffer } from './replay-buffer.ts';

const none = new Set<string>();

const exampleOf = (id: string, account = 'ada'): Example => ({
  id,
  tenant: 't',
  account,
  model: 'm',
  receivedMs: 0,
  context: { kind: 'text', prompt: `What is ${id}?` },
  kind: 'answer',
  answer: id,
});

const idsOf = (examples: readonly Example[]): string[] => examples.map(({ id }) => id);

function bufferOf(ids: readonly string[], limits = { maxExamples: 100, maxPerAccount: 100 }): ReplayBuffer {
  const buffer = new ReplayBuffer(limits);
  for (const id of ids) buffer.add(exampleOf(id), 0);
  return buffer;
}

test('whatever is added, taken out and saved in between, no limit is passed, and the newest examples stay', () => {
  const action = fc.record({
    kind: fc.constantFrom('add', 'remove', 'reopen', 'mark'),
    id: fc.nat(40),
    account: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), fc.nat(6), fc.nat(10), (actions, perAccount, extra) => {
      const limits = { maxPerAccount: 1 + perAccount, maxExamples: 1 + perAccount + extra };
      let buffer = new ReplayBuffer(limits);
      actions.forEach(({ kind, id, account }, turn) => {
        const example = exampleOf(`${account}-${id}`, `user-${account}`);
        const before = idsOf(buffer.all());
        if (kind === 'add') {
          const left = idsOf(buffer.add(example, turn));
          const gone = before.filter((each) => each !== example.id && !buffer.has(each));
          assert.deepEqual(new Set(left), new Set(gone));
          assert.equal(buffer.all().at(-1), example);
        } else if (kind === 'remove') buffer.remove((each) => each.id === example.id);
        else if (kind === 'mark') buffer.mark(example.id, id % 2 === 0, turn);
        else buffer = new ReplayBuffer(limits, JSON.parse(JSON.stringify(buffer.state())));
        assert.ok(buffer.size <= limits.maxExamples);
        for (const index of [0, 1, 2, 3]) {
          const own = buffer.all().filter((each) => each.account === `user-${index}`);
          assert.ok(own.length <= limits.maxPerAccount);
        }
      });
    }),
  );
});

test('an account that is full pushes out its own oldest example, never those of others', () => {
  const buffer = new ReplayBuffer({ maxExamples: 4, maxPerAccount: 2 });
  buffer.add(exampleOf('b1', 'bob'), 0);
  for (const id of ['a1', 'a2', 'a3']) buffer.add(exampleOf(id, 'ada'), 0);
  assert.deepEqual(idsOf(buffer.all()), ['b1', 'a2', 'a3']);
});

test('a state that is larger than the limits is cut to its newest examples', () => {
  const state = bufferOf(['a', 'b', 'c', 'd']).state();
  const smaller = new ReplayBuffer({ maxExamples: 3, maxPerAccount: 2 }, state);
  assert.deepEqual(idsOf(smaller.all()), ['c', 'd']);
});

test('an example that is always known comes back after 1, 2, 4, 8 … turns', () => {
  const buffer = bufferOf(['a']);
  const seen: number[] = [];
  for (let turn = 0; turn <= 40; turn++) {
    const due = buffer.next(1, turn, createRng(turn), none);
    if (due.length === 0) continue;
    seen.push(turn);
    buffer.mark('a', true, turn);
  }
  assert.deepEqual(seen, [1, 3, 7, 15, 31]);
});

test('an example that was forgotten comes back at once, and its intervals begin anew', () => {
  const buffer = bufferOf(['a']);
  for (const turn of [1, 3, 7]) buffer.mark('a', true, turn);
  buffer.mark('a', false, 15);
  assert.deepEqual(idsOf(buffer.next(1, 15, createRng(1), none)), []);
  assert.deepEqual(idsOf(buffer.next(1, 16, createRng(1), none)), ['a']);
  buffer.mark('a', true, 16);
  assert.deepEqual(idsOf(buffer.next(1, 17, createRng(1), none)), []);
  assert.deepEqual(idsOf(buffer.next(1, 18, createRng(1), none)), ['a']);
});

test('intervals end: what was known a hundred times comes back all the same', () => {
  const buffer = bufferOf(['a']);
  for (let mark = 0; mark < 100; mark++) buffer.mark('a', true, 0);
  assert.deepEqual(idsOf(buffer.next(1, 10_000, createRng(1), none)), ['a']);
});

test('what is overdue the longest comes first, whatever the seed', () => {
  for (let seed = 0; seed < 50; seed++) {
    const buffer = bufferOf(['a', 'b', 'c']);
    buffer.mark('a', false, 6);
    buffer.mark('b', false, 4);
    buffer.mark('c', false, 5);
    assert.deepEqual(idsOf(buffer.next(3, 9, createRng(seed), none)), ['b', 'c', 'a']);
    assert.deepEqual(idsOf(buffer.next(2, 9, createRng(seed), new Set(['b']))), ['c', 'a']);
  }
});

test('of what is due alike each has its chance, and the same seed draws the same', () => {
  const buffer = bufferOf(['a', 'b', 'c', 'd']);
  const draw = (seed: number): string => idsOf(buffer.next(1, 5, createRng(seed), none))[0]!;
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);
  assert.deepEqual(seeds.map(draw), seeds.map(draw));
  for (const id of ['a', 'b', 'c', 'd']) {
    const share = seeds.map(draw).filter((drawn) => drawn === id).length;
    // 25 are expected; 8 or fewer have a chance under 1e-5.
    assert.ok(share > 8, `${id} is drawn ${share} times`);
  }
});

test("marks of a copy are not the buffer's", () => {
  const buffer = bufferOf(['a']);
  const before = buffer.state();
  buffer.copy().mark('a', true, 9);
  assert.deepEqual(buffer.state(), before);
});

test('what is due the soonest is known without waiting for it', () => {
  const buffer = bufferOf(['a', 'b', 'c', 'd']);
  buffer.mark('a', true, 9);
  buffer.mark('b', true, 4);
  buffer.mark('c', true, 7);
  assert.deepEqual(idsOf(buffer.soonest(3, new Set(['d']))), ['b', 'c', 'a']);
  assert.deepEqual(idsOf(buffer.soonest(2, none)), ['d', 'b']);
});
