import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { factsFor } from '../../loadtest/learning/facts.ts';
import type { IndexedEntry } from './entry.ts';
import { bestMatch, dot, type MatchThresholds } from './match.ts';
import { wordsIn } from './names.ts';

const thresholds: MatchThresholds = { similarity: 0.8, namedSimilarity: 0.5 };

/** The cosine of a question with an entry is then what the entry's first number is. */
const asked = Float32Array.of(1, 0);
const vectorAt = (cosine: number): Float32Array => Float32Array.of(cosine, Math.sqrt(1 - cosine ** 2));

const entryOf = (question: string, cosine = 0.99, id = question): IndexedEntry => ({
  id,
  tenant: 'acme',
  account: 'alice',
  model: 'tiny',
  question,
  context: null,
  answer: 'so',
  source: null,
  createdMs: 0,
  expiresMs: 1,
  before: null,
  encoder: 'fake',
  vector: vectorAt(cosine),
  ...wordsIn(question),
});

const questionOf = (text: string) => ({ ...wordsIn(text), vector: asked, before: null });

const matches = (question: string, asks: string, cosine = 0.99): boolean =>
  bestMatch(questionOf(asks), [entryOf(question, cosine)], thresholds) !== null;

const namesOf = (text: string): string[] => [...wordsIn(text).names];

test('in a conversation one telling word makes another question, however alike the vectors are', () => {
  const before = { ...wordsIn('Which bridges cross the river?'), vector: asked };
  const inConversation = (known: string, asks: string): boolean =>
    bestMatch({ ...questionOf(asks), before }, [{ ...entryOf(known), before }], thresholds) !== null;
  const same = [
    ['And the second one?', 'What about the second?'],
    ['Who built it?', 'And who built them?'],
  ] as const;
  const others = [
    ['And the second one?', 'And the first one?'],
    ['And in winter?', 'And in summer?'],
    ['And in winter?', 'And in a cold winter?'],
  ] as const;
  for (const [known, asks] of same) assert.ok(inConversation(known, asks), `${known} | ${asks}`);
  for (const [known, asks] of others) assert.ok(!inConversation(known, asks), `${known} | ${asks}`);
  assert.ok(matches('And the second one?', 'And the first one?', 0.91), 'outside of one the vectors decide');
});

test('names are words with capitals inside a sentence, and whatever has a digit', () => {
  assert.deepEqual(namesOf('What is the capital of Vessaly?'), ['vessaly']);
  assert.deepEqual(namesOf("Where is Ida Korvel's B-52 from 1712?"), ['ida', 'korvel', 'b-52', '1712']);
  assert.deepEqual(namesOf('How do I, as a NASA clerk, reset it? Then what? "When"'), ['nasa']);
  assert.deepEqual(namesOf('  Spaces first.\nThen a line: Another\n- Item\n(Brackets)'), []);
  assert.deepEqual(namesOf('Why does iPhone cost 3.5 m'), ['iphone', '3.5']);
  assert.deepEqual(namesOf('what is the capital of vessaly?'), []);
  assert.deepEqual(namesOf(''), []);
});

test('composed and decomposed letters make the same words', () => {
  assert.deepEqual(wordsIn('a Café'), wordsIn('a Cafe\u0301'));
});

test('words of any text are found in time that grows with its length, and names are among the words', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const { names, words } = wordsIn(text);
      for (const name of names) assert.ok(words.has(name));
    }),
  );
  const startedMs = performance.now();
  for (const piece of ['A ', '. A', '\n', ' ', "I'", 'a-'.repeat(50), '"']) wordsIn(piece.repeat(2_000));
  assert.ok(performance.now() - startedMs < 500);
});

test('questions that name nothing match from the higher similarity on', () => {
  assert.ok(matches('how long is a marathon?', 'what length has a marathon?', 0.8));
  assert.ok(!matches('how long is a marathon?', 'what length has a marathon?', 0.799));
});

test('a question that names something matches one that names nothing only when they are nearly the same', () => {
  assert.ok(!matches('how long is the race?', 'how long is the Berlin race?', 0.89));
  assert.ok(matches('how long is the race?', 'how long is the Berlin race?', 0.91));
});

test('questions that name the same match from the lower similarity on, however the names are written', () => {
  assert.ok(matches('Who founded Brellmoor?', 'Which person established Brellmoor?', 0.5));
  assert.ok(!matches('Who founded Brellmoor?', 'Which person established Brellmoor?', 0.499));
  assert.ok(matches('Who founded Brellmoor?', 'who founded brellmoor', 0.9));
  assert.ok(matches("Who is Ida Korvel's father?", 'The father of Ida Korvel?', 0.9));
  assert.ok(
    matches('Is it open on Sundays at the Harrow Lane bakery?', 'The Sunday hours at Harrow Lane?', 0.9),
  );
});

test('a match is the closer the more alike the questions are, between just enough and the same', () => {
  const closeness = (question: string, cosine: number): number =>
    bestMatch(questionOf(question), [entryOf(question, cosine)], thresholds)!.closeness;
  const expected = [
    ['Who founded Brellmoor?', 0.5, 0],
    ['Who founded Brellmoor?', 0.75, 0.5],
    ['Who founded Brellmoor?', 1, 1],
    ['how long is a marathon?', 0.9, 0.5],
  ] as const;
  for (const [question, cosine, wanted] of expected)
    assert.ok(Math.abs(closeness(question, cosine) - wanted) < 1e-6, question);
});

test('a question that names less matches, one that names half of it or fewer does not', () => {
  assert.ok(matches('What does Tamsin Oduro play in Glasswing?', 'What does Tamsin Oduro play?'));
  assert.ok(!matches('What does Tamsin Oduro play in Glasswing?', 'What is played in Glasswing?'));
});

test('a near miss is none, however alike the questions are', () => {
  const nearMisses: readonly (readonly [string, string])[] = [
    ['What is the capital of Vessaly?', 'What is the capital of Vessalia?'],
    ['What is the capital of Vessaly?', 'What is the capital of Ves?'],
    ['What is the capital of Ves?', 'What is the capital of Vessaly?'],
    ['Where does Alice Smith live?', 'Where does Alice Jones live?'],
    ['What is in room 10?', 'What is in room 101?'],
    ['What is in room 101?', 'What is in room 10?'],
    ['Who won the Elmar Cup in 2021?', 'Who won the Elmar Cup in 2022?'],
    ['Who won the Elmar Cup in 2021?', 'Who won the Elmar Cup?'],
    ['How do I reset the X200?', 'How do I reset the X2000?'],
    ['What costs version 1.5 of Norvane?', 'What costs version 1.50 of Norvane?'],
    ['What is the capital of Vessaly?', 'what is the capital of freedonia?'],
    ['What is the capital of Vessaly?', 'What is the capital of it?'],
  ];
  for (const [known, asks] of nearMisses) assert.ok(!matches(known, asks, 1), `${known} | ${asks}`);
});

test('names rule out no paraphrase of the facts, and no changed name lets one through', () => {
  const facts = factsFor('tuning');
  assert.ok(facts.length > 20);
  for (const { question, paraphrases } of facts) {
    const { names } = wordsIn(question);
    for (const paraphrase of paraphrases) assert.ok(matches(question, paraphrase, 0.95), paraphrase);
    if (names.size === 0) continue;
    const changed = question.replace(/[\p{L}\p{N}'-]+/gu, (word) =>
      [...names].some((name) => word.toLowerCase().startsWith(name)) ? 'Zorbax' : word,
    );
    assert.ok(!matches(question, changed, 1), changed);
  }
});

test('of several the best is taken, and of equally good ones the newest', () => {
  const entries = [
    entryOf('who is it', 0.85, 'a'),
    entryOf('who is it', 0.95, 'b'),
    entryOf('who is it', 0.9, 'c'),
  ];
  const best = (list: readonly IndexedEntry[]) =>
    bestMatch(questionOf('who is it'), list, thresholds)?.entry.id;
  assert.equal(best(entries), 'b');
  assert.equal(best([...entries, entryOf('who is it', 0.95, 'd')]), 'd');
  assert.equal(best([]), undefined);
});

test('a better one that names something else does not hide one that fits', () => {
  const entries = [entryOf('the capital of Vessaly', 0.9), entryOf('the capital of Freedonia', 0.99)];
  const found = bestMatch(questionOf('the capital of Vessaly'), entries, thresholds);
  assert.equal(found?.entry.question, 'the capital of Vessaly');
});

test('vectors of another encoder, and vectors that are no numbers, match nothing', () => {
  assert.equal(dot(Float32Array.of(1), Float32Array.of(1, 0)), 0);
  for (const vector of [Float32Array.of(1), Float32Array.of(Number.NaN, 0), Float32Array.of(0, 0)]) {
    for (const text of ['who is it', 'who is Ada'])
      assert.equal(bestMatch(questionOf(text), [{ ...entryOf(text), vector }], thresholds), null);
  }
});
