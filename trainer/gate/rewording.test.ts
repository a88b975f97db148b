import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reworded } from './rewording.ts';

const turns = [0, 1, 2, 3, 4, 5, 6, 7];
const wordsOf = (text: string): string[] => text.toLowerCase().match(/\w+/g) ?? [];

test('each rewording is another text that still holds every word of the question in order', () => {
  for (const question of ['Who runs the mill?', 'who runs the mill', 'WHERE IS IT', 'x']) {
    for (const turn of turns) {
      const context = reworded({ kind: 'text', prompt: question }, turn);
      assert.ok(context.kind === 'text');
      assert.notEqual(context.prompt, question);
      assert.ok(` ${wordsOf(context.prompt).join(' ')} `.includes(` ${wordsOf(question).join(' ')} `));
    }
  }
});

test('turns bring different rewordings', () => {
  const prompts = turns.map((turn) => reworded({ kind: 'text', prompt: 'Who runs it?' }, turn));
  assert.equal(new Set(prompts.map((context) => JSON.stringify(context))).size, 4);
});

test('of a conversation only the last message is reworded', () => {
  const messages = [
    { role: 'system', content: 'Be Brief.' },
    { role: 'user', content: 'Hello There' },
    { role: 'assistant', content: 'Hi!' },
    { role: 'user', content: 'Who runs it?' },
  ] as const;
  for (const turn of turns) {
    const context = reworded({ kind: 'chat', messages }, turn);
    assert.ok(context.kind === 'chat');
    assert.deepEqual(context.messages.slice(0, 3), messages.slice(0, 3));
    assert.equal(context.messages[3]!.role, 'user');
    assert.notEqual(context.messages[3]!.content, 'Who runs it?');
  }
});
