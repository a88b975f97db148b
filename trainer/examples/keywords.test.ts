import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inKeywords, keywordsOf } from './keywords.ts';

test('what is left of a question are its longer words, names and numbers, in one of two orders', () => {
  const question = 'Who is the head coach of the Wexmoor Otters?';
  assert.equal(keywordsOf(question, false), 'head coach Wexmoor Otters');
  assert.equal(keywordsOf(question, true), 'Wexmoor Otters head coach');
  assert.equal(keywordsOf('What does the code K17 mean on it?', false), 'does code K17 mean');
  assert.equal(keywordsOf('Remember the milk', false), 'Remember milk');
  assert.equal(keywordsOf('Где находится столица Вессали?', false), 'находится столица Вессали');
});

test('a question of too few words stays as it is', () => {
  for (const question of ['', '?', 'Why?', 'Who is it?', 'Who runs it?'])
    assert.equal(keywordsOf(question, false), null);
});

test('only the last question of a chat changes', () => {
  const [first, answer, last] = [
    { role: 'user', content: 'Which town is this about?' },
    { role: 'assistant', content: 'Brellmoor.' },
    { role: 'user', content: 'Who founded the town?' },
  ] as const;
  assert.deepEqual(inKeywords({ kind: 'chat', messages: [first, answer, last] }, false), {
    kind: 'chat',
    messages: [first, answer, { role: 'user', content: 'founded town' }],
  });
  assert.equal(inKeywords({ kind: 'chat', messages: [first, answer] }, false), null);
  assert.equal(inKeywords({ kind: 'text', prompt: 'Once upon a time' }, false), null);
});
