import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTerminal } from './terminal.ts';

function watched(options: { isTTY: boolean }) {
  let nowMs = 0;
  let written = '';
  const err = { isTTY: options.isTTY, write: (text: string) => (written += text) };
  const terminal = createTerminal({ out: { write: () => {} }, err }, { nowMs: () => nowMs });
  return { terminal, text: () => written, pass: (ms: number) => (nowMs += ms) };
}

test('without a terminal there are plain lines, no more than one in five seconds for one piece of work', () => {
  const { terminal, text, pass } = watched({ isTTY: false });
  for (let done = 0; done <= 100; done += 1) {
    terminal.amount('downloading x', { done: done * 1e6, total: 100e6, unit: 'bytes' });
    pass(100);
  }
  assert.deepEqual(text().trimEnd().split('\n'), [
    'millrace: downloading x, 0.0 of 100.0 MB (0 %)',
    'millrace: downloading x, 50.0 of 100.0 MB (50 %)',
    'millrace: downloading x, 100.0 of 100.0 MB (100 %)',
  ]);
});

test('on a terminal a bar is redrawn in place', () => {
  const { terminal, text } = watched({ isTTY: true });
  terminal.amount('importing', { done: 5, total: 10, unit: 'tensors' });
  assert.ok(text().includes('████████████░░░░░░░░░░░░ importing, 5 of 10 tensors (50 %)'));
  assert.ok(!text().includes('\n'));
});

test('a stage tells its start, its end and its seconds, and hands on result and failure', async () => {
  const { terminal, text, pass } = watched({ isTTY: false });
  const result = await terminal.stage('loading', async () => {
    pass(1_500);
    return 7;
  });
  assert.equal(result, 7);
  await assert.rejects(
    terminal.stage('breaking', () => Promise.reject(new Error('x'))),
    /x/,
  );
  assert.equal(
    text(),
    'millrace: loading …\nmillrace: loading: done in 1.5 s\nmillrace: breaking …\nmillrace: breaking: failed in 0.0 s\n',
  );
});
