import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckedFile, checkFile } from './check-file.ts';
import { checkInThread } from './check-in-thread.ts';

const chat = (content: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: 'Hello?' },
      { role: 'assistant', content },
    ],
  });
const pair = JSON.stringify({
  input: { messages: [{ role: 'user', content: 'Hello?' }] },
  preferred_output: [{ role: 'assistant', content: 'Hello!' }],
  non_preferred_output: [{ role: 'assistant', content: 'What?' }],
});
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const check = (text: string) => checkFile(bytesOf(text), 5);

function accepted(text: string): CheckedFile & { readonly text: string } {
  const checked = check(text);
  assert.ok(!('problem' in checked), JSON.stringify(checked));
  return { ...checked, text: new TextDecoder().decode(checked.content) };
}

test('a file with nothing to take out is stored as it came, with or without a last line feed', () => {
  for (const end of ['', '\n']) {
    const text = `${chat('Good day.')}\n${chat('Guten Tag, Frau Müller.')}${end}`;
    const checked = accepted(text);
    assert.equal(checked.text, text);
    assert.deepEqual([checked.kind, checked.numRows, checked.redactions], ['chat', 2, {}]);
  }
  assert.equal(
    accepted(`\ufeff${chat('a')}\r\n${chat('b')}\r\n`).numRows,
    2,
    'a mark and line ends of Windows',
  );
  assert.equal(accepted(pair).kind, 'preference');
});

test('personal data is taken out wherever a text stands, and counted', () => {
  const secret = 'ann@example.org';
  const twice = JSON.stringify({
    messages: [
      { role: 'user', content: [{ type: 'text', text: `I am ${secret}.` }] },
      { role: 'assistant', content: `Hello ${secret}.` },
    ],
  });
  // JSON takes the last of two equal fields; the first must not survive in what is stored.
  const hidden = `{"messages":"${secret}",${twice.slice(1)}`;
  const checked = accepted(`${twice}\n${hidden}`);
  assert.equal(checked.text.includes(secret), false);
  assert.deepEqual(checked.redactions, { email: 4 });
  assert.equal(checked.text.split('[email]').length - 1, 4);
});

test('the first bad line is named with what is wrong', () => {
  const good = chat('a');
  const cases: readonly (readonly [string, number | null, RegExp])[] = [
    ['', null, /it is empty/],
    [`${good}\n\n${good}`, 2, /it is empty/],
    [`${good}\n{"messages":`, 2, /not valid JSON/],
    [`${good}\n${good}\n${chat(' ')}`, 3, /messages\[1\]\.content is empty/],
    [`${good}\n${pair}`, 2, /preference format/],
    [Array.from({ length: 6 }, () => good).join('\n'), null, /more than 5 lines/],
    [`${'['.repeat(50_000)}${']'.repeat(50_000)}`, 1, /nested deeper/],
    [pair.replace('Hello!', 'a@example.org').replace('What?', 'b@example.org'), 1, /are the same/],
  ];
  for (const [text, line, problem] of cases) {
    const checked = check(text);
    assert.ok('problem' in checked, text.slice(0, 80));
    assert.equal(checked.line, line);
    assert.match(checked.problem, problem);
  }
  const invalid = checkFile(Uint8Array.from([...bytesOf(`${good}\n"`), 0xff, 0x22]), 5);
  assert.deepEqual(invalid, { line: 2, problem: 'it is not valid UTF-8' });
});

test('a thread sees the same, and one that takes too long is ended', async () => {
  const bytes = bytesOf(`${chat('a')}\n${chat('b@example.org')}`);
  assert.deepEqual(await checkInThread({ bytes, maxRows: 5 }, 20_000), checkFile(bytes, 5));
  await assert.rejects(checkInThread({ bytes, maxRows: 5 }, 0), /not looked at within 0 ms/);
});
