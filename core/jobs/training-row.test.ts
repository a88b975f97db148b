import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTrainingRow } from './training-row.ts';

const user = { role: 'user', content: 'Who wrote Emma?' };
const assistant = { role: 'assistant', content: 'Jane Austen.' };
const pair = {
  input: { messages: [user] },
  preferred_output: [assistant],
  non_preferred_output: [{ role: 'assistant', content: 'No idea.' }],
};

test('every answer of a conversation is learned, but those of weight 0', () => {
  const first = { ...assistant, weight: 0 };
  const messages = [{ role: 'developer', content: 'Be brief.' }, user, first, user, assistant];
  const row = parseTrainingRow({ messages });
  assert.ok('kind' in row && row.kind === 'chat');
  assert.deepEqual(row.answers, [4]);
  assert.deepEqual(row.messages[0], { role: 'system', content: 'Be brief.' });
  const all = parseTrainingRow({ messages: [user, assistant, user, { ...assistant, weight: 1 }] });
  assert.ok('kind' in all && all.kind === 'chat');
  assert.deepEqual(all.answers, [1, 3]);
});

test('a preference has a question, a better and a worse answer', () => {
  // As OpenAI's own example has it.
  const row = parseTrainingRow({
    ...pair,
    input: { messages: [user], tools: [], parallel_tool_calls: true },
  });
  assert.deepEqual(row, {
    kind: 'preference',
    messages: [user],
    preferred: 'Jane Austen.',
    other: 'No idea.',
  });
});

test('parts of a text are one text', () => {
  const parts = [
    { type: 'text', text: 'Who wrote' },
    { type: 'text', text: 'Emma?' },
  ];
  const row = parseTrainingRow({ messages: [{ role: 'user', content: parts }, assistant] });
  assert.ok('kind' in row && row.kind === 'chat');
  assert.equal(row.messages[0]!.content, 'Who wrote\nEmma?');
});

const problems: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  'no object': [[user], /^the line is not an object/],
  'nothing known': [{ prompt: 'a', completion: 'b' }, /neither "messages" nor "input"/],
  'no messages': [{ messages: [] }, /^messages is not a list/],
  'a question at the end': [{ messages: [assistant, user] }, /last of messages is not the assistant's/],
  'an answer to nothing': [{ messages: [assistant] }, /messages\[0\] is an answer to nothing/],
  'an unknown role': [{ messages: [{ ...user, role: 'tool' }, assistant] }, /messages\[0\]\.role is "tool"/],
  'a role of the prototype': [
    { messages: [{ ...user, role: 'constructor' }, assistant] },
    /messages\[0\]\.role/,
  ],
  'an empty answer': [
    { messages: [user, { ...assistant, content: ' ' }] },
    /messages\[1\]\.content is empty/,
  ],
  'no content': [{ messages: [user, { role: 'assistant' }] }, /messages\[1\]\.content is missing/],
  'a picture': [
    { messages: [{ role: 'user', content: [{ type: 'image_url' }] }, assistant] },
    /messages\[0\]\.content\[0\] is of type "image_url"/,
  ],
  'half a weight': [{ messages: [user, { ...assistant, weight: 0.5 }] }, /messages\[1\]\.weight is 0\.5/],
  'nothing that counts': [{ messages: [user, { ...assistant, weight: 0 }] }, /nothing to learn/],
  tools: [{ messages: [user, assistant], tools: [{ type: 'function' }] }, /tools are not supported/],
  'another field': [{ messages: [user, assistant], id: 7 }, /the line has "id"/],
  'another field of a message': [
    { messages: [{ ...user, name: 'x' }, assistant] },
    /messages\[0\] has "name"/,
  ],
  'two better answers': [
    { ...pair, preferred_output: [assistant, assistant] },
    /preferred_output has 2 messages/,
  ],
  'an answer of the user': [{ ...pair, non_preferred_output: [user] }, /non_preferred_output\[0\]\.role/],
  'equal answers': [{ ...pair, non_preferred_output: [assistant] }, /are the same/],
  'no worse answer': [{ ...pair, non_preferred_output: undefined }, /^non_preferred_output is not a list/],
  'no question': [{ ...pair, input: {} }, /^input\.messages is not a list/],
};

for (const [what, [json, expected]] of Object.entries(problems)) {
  test(`${what}: the problem is named with its place`, () => {
    const row = parseTrainingRow(json);
    assert.match('problem' in row ? row.problem : 'it was taken', expected);
  });
}
