import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import { keyOf } from './key.ts';

/** A conversation in which these are asked, each but the last one answered. */
const asking = (...questions: string[]): ChatMessage[] =>
  questions
    .flatMap((content): ChatMessage[] => [
      { role: 'user', content },
      { role: 'assistant', content: 'It is so.' },
    ])
    .slice(0, -1);

const contextOf = (...questions: string[]): string | null => keyOf(asking(...questions))!.context;
const bridges = 'Which bridges cross the river in Vessaly?';

test('a question that points at what was said is known by that, too', () => {
  for (const question of [
    'And the second one?',
    'How old is it?',
    'What about the other?',
    'Who built them?',
    'Why?',
    'In winter too?',
    'And in Brellmoor?',
    'Did Ida Korvel build it?',
    'und die zweite?',
  ])
    assert.equal(contextOf(bridges, question), bridges, question);
});

test('a question that says what it is about stands by itself, whatever was said before it', () => {
  for (const question of [
    'How long should pasta cook?',
    'Who founded the town of Brellmoor?',
    'Who is Ada?',
    'When was the Fennick Library built, and who designed it?',
    'How do I get rid of fruit flies?',
  ]) {
    assert.equal(contextOf('Hello.', question), null, question);
    assert.deepEqual(keyOf(asking('Hello.', question)), keyOf(asking(question)));
  }
});

test('questions that lean on each other are followed to the one that stands by itself, and not without end', () => {
  const [first, second] = ['And the first one?', 'And the second one?'];
  assert.equal(contextOf('Hello.', bridges, first, second), `${bridges}\n${first}`);
  assert.equal(contextOf(bridges, first, second, 'Why?', 'And then?'), `${first}\n${second}\nWhy?`);
  assert.equal(contextOf(second), null, 'nothing was said before');
  const long = 'x '.repeat(1_500);
  assert.equal(contextOf(long, long, 'Why?')?.length, 2_000);
});

test('answers and instructions are no part of it', () => {
  const system: ChatMessage = { role: 'system', content: 'Be brief.' };
  assert.deepEqual(keyOf([system, ...asking(bridges, 'Why?')]), { question: 'Why?', context: bridges });
  assert.deepEqual(keyOf([system, ...asking('Why?')]), { question: 'Why?', context: null });
});

test('what is no question of the user, or too long, has none', () => {
  const user = (content: string): ChatMessage => ({ role: 'user', content });
  for (const messages of [
    [],
    [user('Why?'), { role: 'assistant', content: 'So.' } as const],
    [user(' \n')],
    [user('x'.repeat(2_001))],
  ])
    assert.equal(keyOf(messages), null);
});
