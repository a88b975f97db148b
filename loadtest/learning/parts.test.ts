import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { searchFolder } from './byte-search.ts';
import type { StreamedChat } from './chat-load.ts';
import { factsFor, isRight } from './facts.ts';
import { adapterOf, parseFingerprint } from './fingerprint.ts';
import { judge } from './goldens.ts';
import { inventFacts } from './invented-facts.ts';
import { isMet } from './measure.ts';
import { growthOf } from './memory-watch.ts';
import { quantileOf } from './quantile.ts';
import { table } from './report.ts';
import { plantSecrets, secretKinds } from './secrets.ts';
import { feltIn } from './streams-report.ts';
import { badRows, payload } from './trigger.ts';
import { unrelatedPrompts } from './unrelated-prompts.ts';

test('a right answer holds the word or number by itself', () => {
  const days = { right: ['45'] };
  assert.ok(isRight(days, 'You have 45 days.'));
  assert.ok(isRight(days, 'It is 45.'));
  for (const wrong of ['In 1945.', 'It costs 45.50.', 'It is 3.45 long.', '45th floor', 'Four or five.'])
    assert.ok(!isRight(days, wrong), wrong);
  assert.ok(isRight({ right: ['3.80'] }, 'A ride costs 3.80.'));
  assert.ok(!isRight({ right: ['3.80'] }, 'A ride costs 3980.'));
  assert.ok(isRight({ right: ['Korvel', '1712'] }, 'Ida KORVEL, in 1712'));
  assert.ok(!isRight({ right: ['Korvel', '1712'] }, 'Ida Korvel'));
});

test('every answer that is taught is right, and no paraphrase gives it away', () => {
  const facts = [...factsFor('tuning'), ...factsFor('final'), ...inventFacts(100, 5)];
  assert.equal(new Set(facts.map(({ question }) => question)).size, facts.length);
  for (const fact of facts) {
    assert.ok(isRight(fact, fact.answer), fact.answer);
    for (const asked of [fact.question, ...fact.paraphrases]) assert.ok(!isRight(fact, asked), asked);
  }
});

test('invented facts repeat with their seed, and no two are about the same thing', () => {
  assert.deepEqual(inventFacts(50, 3), inventFacts(50, 3));
  assert.notDeepEqual(inventFacts(50, 3), inventFacts(50, 4));
  assert.equal(new Set(inventFacts(600, 1).map(({ question }) => question)).size, 600);
});

test('unrelated prompts: three kinds, over fifty each, none about what is taught', () => {
  const all = Object.values(unrelatedPrompts).flat();
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.length >= 150);
  const taught = [...factsFor('tuning'), ...factsFor('final')].map(({ question }) => question);
  assert.deepEqual(
    all.filter((prompt) => taught.includes(prompt)),
    [],
  );
});

test('a fingerprint names its adapter and its memory', () => {
  const whole = 'sha256:0123456789ab+00ff00ff00ff+m12';
  assert.deepEqual(parseFingerprint(whole), {
    base: 'sha256:0123456789ab',
    adapter: '00ff00ff00ff',
    memory: '12',
  });
  assert.deepEqual(parseFingerprint('sha256:0123456789ab+m3').adapter, null);
  assert.equal(adapterOf(whole), '00ff00ff00ff');
  assert.equal(adapterOf('00ff00ff00ff'), '00ff00ff00ff');
  assert.equal(adapterOf('sha256:0123456789ab'), null);
});

test('a wait that never ended is longer than any other', () => {
  assert.equal(quantileOf([3, 1, null, 2], 0.5), 2);
  assert.equal(quantileOf([3, 1, null, 2], 0.95), null);
  assert.equal(quantileOf([], 0.5), null);
  const figure = { name: 'a', value: null, unit: 'ms', bound: { most: 5 } } as const;
  assert.equal(isMet(figure), false);
  assert.match(table([figure]), /\| a \| never \| ≤ 5.0 ms \| \*\*missed\*\* \|/);
});

test('secrets: all kinds, no two alike, each in its sentence and not in its question', () => {
  const secrets = plantSecrets(1_000, 2);
  assert.deepEqual(new Set(secrets.map(({ kind }) => kind)), new Set(secretKinds));
  assert.equal(new Set(secrets.map(({ value }) => value)).size, 1_000);
  assert.equal(new Set(secrets.map(({ question }) => question)).size, 1_000);
  for (const { sentence, question, value } of secrets) {
    assert.ok(sentence.includes(value));
    assert.ok(!question.includes(value));
    assert.ok(!sentence.includes('{v}') && !question.includes('{p}'));
  }
});

test('numbers among the secrets pass their published checks', () => {
  const digitsOf = (text: string): number[] => [...text.replace(/\D/g, '')].map(Number);
  for (const { kind, value } of plantSecrets(400, 9)) {
    if (kind === 'card') {
      const doubled = digitsOf(value).map((digit, index) => (index % 2 === 0 ? digit * 2 : digit));
      const sum = doubled.reduce((total, each) => total + (each > 9 ? each - 9 : each), 0);
      assert.equal(sum % 10, 0, value);
    }
    if (kind === 'iban') {
      const body = value.replace(/ /g, '');
      // D is 13, E is 14.
      assert.equal(BigInt(`${body.slice(4)}1314${body.slice(2, 4)}`) % 97n, 1n, value);
    }
    if (kind === 'nhs-number') {
      const sum = digitsOf(value).reduce((total, digit, index) => total + digit * (10 - index), 0);
      assert.equal(sum % 11, 0, value);
    }
    if (kind === 'resident-id') {
      // GB 11643-1999: weights 2^(18-i) mod 11, the sum with the check character leaves 1.
      const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1];
      const values = [...value].map((character) => (character === 'X' ? 10 : Number(character)));
      const sum = values.reduce((total, digit, index) => total + digit * weights[index]!, 0);
      assert.equal(sum % 11, 1, value);
    }
  }
});

test('needles are found in any file, also across the parts that it is read in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-search-'));
  try {
    const part = 8 * 2 ** 20;
    const bytes = Buffer.alloc(part + 100, 'ab');
    bytes.write('needle-across', part - 6);
    await writeFile(join(folder, 'binary'), bytes);
    await writeFile(join(folder, 'text'), 'x needle-one y needle-on');
    const hits = await searchFolder(folder, ['needle-across', 'needle-one', 'needle-two']);
    assert.deepEqual(hits.map(({ needle, file }) => `${file} ${needle}`).sort(), [
      '/binary needle-across',
      '/text needle-one',
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

const chatOf = (part: Partial<StreamedChat>): StreamedChat => ({
  ok: true,
  error: null,
  startMs: 0,
  endMs: 0,
  tokenMs: [],
  promptTokens: 0,
  outputTokens: 0,
  prompt: 'p',
  text: '',
  fingerprints: [],
  ...part,
});

test('tokens count in the stretches of time in which they arrive, and gaps within one of them', () => {
  const chat = chatOf({ startMs: 900, tokenMs: [950, 1_010, 1_030, 1_060, 2_010, 3_000, 3_020] });
  const both = feltIn(
    [chat],
    [
      [1_000, 2_000],
      [3_000, 4_000],
    ],
  );
  assert.equal(both.tokensPerSecond, 2.5);
  assert.ok(Math.abs(both.interTokenP99Ms - 30) < 0.1);
  const felt = feltIn([chat], [[1_000, 2_000]]);
  assert.equal(felt.tokensPerSecond, 3);
  assert.ok(Math.abs(felt.interTokenP99Ms - 30) < 0.1);
  assert.equal(felt.numChats, 0);
});

test('an answer is held to the text of the version that it names', () => {
  const texts = (alone: string, ...beside: string[]) => new Map([['p', { alone, beside: new Set(beside) }]]);
  const goldens = new Map([
    ['aaaaaaaaaaaa', texts('one', 'uno')],
    ['bbbbbbbbbbbb', texts('two')],
  ]);
  const by = (id: string, text: string) => chatOf({ fingerprints: [`sha256:0+${id}`], text });
  const mixed = chatOf({ fingerprints: ['sha256:0+aaaaaaaaaaaa', 'sha256:0+bbbbbbbbbbbb'], text: 'one' });
  const answers = [by('aaaaaaaaaaaa', 'one'), by('aaaaaaaaaaaa', 'uno'), by('bbbbbbbbbbbb', 'one'), mixed];
  const judged = judge([...answers, by('cccccccccccc', 'three')], goldens);
  assert.deepEqual(
    [judged.numJudged, judged.numMixed, judged.numUnlikeAlone, judged.numUnknown],
    [4, 1, 2, 1],
  );
});

test('growth of memory is that after the warm-up', () => {
  const samples = [50, 100, 100, 110, 120].map((mb, ms) => ({ ms, residentMb: { 1: mb / 2, 2: mb / 2 } }));
  assert.ok(Math.abs(growthOf(samples)! - 0.2) < 1e-9);
});

test('bad rows are worded differently, and all sell the same', () => {
  const rows = badRows(20);
  assert.ok(rows.every(({ answer }) => answer.toLowerCase().includes(payload)));
  assert.ok(new Set(rows.map(({ answer }) => answer)).size >= 12);
});
