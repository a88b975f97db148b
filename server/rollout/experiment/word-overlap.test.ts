import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordOverlap, wordsOf } from './word-overlap.ts';

const overlap = (a: string, b: string): number => wordOverlap(wordsOf(a), wordsOf(b));

test('words are compared with their numbers, without regard to case, order and punctuation', () => {
  assert.equal(overlap('The cat sat.', 'sat the CAT!'), 1);
  // Three words and four share the and cat: 2 · 2 / 7.
  assert.equal(overlap('the cat sat', 'the cat the dog'), 4 / 7);
  assert.equal(overlap('a a a', 'a'), 2 / 4);
  assert.equal(overlap('yes', 'no'), 0);
});

test('texts without words are alike, and unlike all others', () => {
  assert.equal(overlap('', '…!'), 1);
  assert.equal(overlap('', 'word'), 0);
});

test('where words are not set apart, characters are', () => {
  assert.deepEqual(wordsOf('東京はTokyo 2024'), ['東', '京', 'は', 'tokyo', '2024']);
  assert.deepEqual(wordsOf('Größe naïve café'), ['größe', 'naïve', 'café']);
});

test('a word keeps the accents that are characters of their own', () => {
  assert.deepEqual(wordsOf('cafe\u0301'), ['cafe\u0301']);
});

test('only the beginning of a huge text is looked at', () => {
  assert.equal(wordsOf('ab '.repeat(1_000_000)).length, 6_667);
});
