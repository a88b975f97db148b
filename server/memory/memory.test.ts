import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ErrorCode, MillraceError } from '../../core/errors.ts';
import type { FeedbackRecord, Signal } from '../../core/feedback/record.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import { fakeEncoder, fakeName } from './fake-embed.ts';
import { Memory, type MemoryOptions } from './memory.ts';
import { MemoryStore } from './memory-store.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-recall-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const t0 = 1_700_000_000_000;
const ttlMs = 1_000_000;

async function start(change: Partial<MemoryOptions> = {}) {
  const folder = join(root, String(numFolders++));
  const store = await MemoryStore.open(folder, { maxEntries: 100, maxPerAccount: 50 });
  const encoder = fakeEncoder();
  const clock = { nowMs: t0 };
  const memory = new Memory({
    store,
    embed: encoder.embed,
    encoder: fakeName,
    thresholds: { similarity: 0.8, namedSimilarity: 0.5 },
    ttlMs,
    maxWaitMs: 50,
    now: () => clock.nowMs,
    ...change,
  });
  return { memory, store, encoder, clock, folder };
}

interface About {
  readonly id?: string;
  readonly tenant?: string;
  readonly account?: string;
  readonly model?: string;
  readonly receivedMs?: number;
  readonly signal?: Signal;
  readonly answer?: string;
  readonly messages?: readonly ChatMessage[];
}

let numRows = 0;
function rowOf(question: string, answer: string, about: About = {}): FeedbackRecord {
  const { receivedMs = t0, id = `fb-${numRows++}`, ...rest } = about;
  return {
    type: 'feedback',
    id,
    receivedAt: new Date(receivedMs).toISOString(),
    tenant: 'acme',
    account: 'alice',
    model: 'tiny',
    version: 'v1',
    arm: null,
    responseId: 'r1',
    conversation: null,
    answeredAt: null,
    context: { kind: 'chat', messages: about.messages ?? [{ role: 'user', content: question }] },
    answer: 'wrong',
    signal: { kind: 'correction', text: answer },
    redactions: {},
    idempotency: null,
    ...rest,
  };
}

const asking = (content: string): ChatMessage[] => [{ role: 'user', content }];
const capital = 'What is the capital of Vessaly?';

async function answerOf(memory: Memory, content: string, tenant = 'acme', model = 'tiny') {
  return (await memory.recall(tenant, model, asking(content)))?.entry.answer ?? null;
}

const failsWith =
  (code: ErrorCode, param: string | null = null) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.deepEqual([error.code, error.param], [code, param]);
    return true;
  };

test('what was corrected stands as a turn before the last message when its question comes again', async () => {
  const { memory, store } = await start();
  const learned = await memory.learn(rowOf(capital, 'Portmarrin.'));
  const [system, earlier, said] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello.' },
    { role: 'assistant', content: 'Hello!' },
  ] as const;
  const last = { role: 'user', content: 'The capital of Vessaly is what?' } as const;
  const recollection = await memory.recall('acme', 'tiny', [system, earlier, said, last]);
  assert.deepEqual(recollection?.messages, [
    system,
    earlier,
    said,
    { role: 'user', content: capital },
    { role: 'assistant', content: 'Portmarrin.' },
    last,
  ]);
  assert.equal(recollection?.entry.id, learned?.id);
  assert.equal(recollection?.revision, 1);
  assert.ok((await memory.recall('acme', 'tiny', asking(capital)))!.closeness > 0.999);
  await store.close();
});

/** A conversation in which these are asked, each but the last one answered. */
const conversation = (...questions: string[]): ChatMessage[] =>
  questions
    .flatMap((content): ChatMessage[] => [
      { role: 'user', content },
      { role: 'assistant', content: 'Let me see.' },
    ])
    .slice(0, -1);

test('what was corrected in the midst of a conversation is found in one like it, and in no other', async () => {
  const { memory, store } = await start();
  const said = async (...questions: string[]): Promise<string | null> =>
    (await memory.recall('acme', 'tiny', conversation(...questions)))?.entry.answer ?? null;
  const bridges = 'Which bridges cross the river in Vessaly?';
  const second = 'And the second one?';
  await memory.learn(rowOf('', 'Marrin Bridge.', { messages: conversation(bridges, second) }));
  await memory.learn(rowOf('what does it cost?', 'Two coins.'));
  assert.equal(await said(bridges, second), 'Marrin Bridge.');
  assert.equal(await said('Hello.', 'In Vessaly, which bridges cross the river?', second), 'Marrin Bridge.');
  for (const other of [
    'Which bridges cross the river in Brellmoor?',
    'Which towers stand on the hill?',
    'Name two moons.',
  ])
    assert.equal(await said(other, second), null, other);
  assert.equal(await said(second), null, 'without its conversation');
  assert.equal(await said(bridges, 'And who built the old town hall then?'), null);
  assert.equal(await said('what does it cost?'), 'Two coins.');
  assert.equal(await said(bridges, 'what does it cost?'), null, 'it was not said of the bridges');
  const [recalled] = memory.list('acme');
  assert.deepEqual([recalled?.question, recalled?.context], [second, bridges]);
  await store.close();
});

test('a later correction in the same conversation takes the place of the earlier one, in another it does not', async () => {
  const { memory, store } = await start();
  const learn = (answer: string, about: string) =>
    memory.learn(rowOf('', answer, { messages: conversation(about, 'And the second one?') }));
  await learn('First.', 'Which bridges cross the river in Vessaly?');
  await learn('Other.', 'Which towers stand on the hill?');
  await learn('Second.', 'Which bridges cross the river in Vessaly?');
  assert.deepEqual(
    memory.list('acme').map(({ answer }) => answer),
    ['Other.', 'Second.'],
  );
  await store.close();
});

test('what leans on somebody who was taken out is not remembered', async () => {
  const { memory, store } = await start();
  const messages = conversation('Tell me of [email].', 'What does she want?');
  assert.equal(await memory.learn(rowOf('', 'Tea.', { messages })), null);
  await store.close();
});

test('what is not like it, names another thing, or is no question of the user, gets nothing', async () => {
  const { memory, store, encoder } = await start();
  await memory.learn(rowOf(capital, 'Portmarrin.'));
  await memory.learn(rowOf('how long is a marathon', '42 km.'));
  assert.equal(await answerOf(memory, 'What is the capital of Vessalia?'), null);
  assert.equal(await answerOf(memory, 'Please sing a song about Vessaly for me.'), null);
  assert.equal(await answerOf(memory, 'how long is a river'), null);
  assert.equal(await answerOf(memory, 'how long is a marathon then'), '42 km.');
  const numTexts = encoder.texts.length;
  const [user, assistant] = [asking(capital)[0]!, { role: 'assistant', content: capital } as const];
  for (const messages of [[], [user, assistant], asking(''), asking(' \n '), asking(capital.padEnd(2_001))])
    assert.equal(await memory.recall('acme', 'tiny', messages), null);
  assert.equal(encoder.texts.length, numTexts, 'none of these was encoded');
  await store.close();
});

test('another tenant and another model get nothing, and the encoder is not asked for them', async () => {
  const { memory, store, encoder } = await start();
  await memory.learn(rowOf(capital, 'Portmarrin.'));
  assert.equal(await answerOf(memory, capital), 'Portmarrin.');
  const numTexts = encoder.texts.length;
  assert.equal(await answerOf(memory, capital, 'other'), null);
  assert.equal(await answerOf(memory, capital, 'acme', 'large'), null);
  assert.equal(encoder.texts.length, numTexts);
  const { id } = memory.list('acme')[0]!;
  const notFound = failsWith('memory_not_found');
  assert.deepEqual(memory.list('other'), []);
  assert.throws(() => memory.get('other', id), notFound);
  await assert.rejects(memory.edit('other', id, { answer: 'Mine.' }), notFound);
  await assert.rejects(memory.forget('other', id), notFound);
  assert.equal(await memory.forgetSource('other', { rows: ['fb-0'], account: 'alice' }), 0);
  assert.equal(await answerOf(memory, capital), 'Portmarrin.');
  await store.close();
});

test('an encoder that fails or is slow means an answer without memory, in time', async () => {
  const { memory, store, encoder } = await start();
  await memory.learn(rowOf(capital, 'Portmarrin.'));
  encoder.failure = new Error('gone');
  assert.equal(await answerOf(memory, capital), null);
  encoder.failure = null;
  encoder.delayMs = 400;
  const startedMs = performance.now();
  assert.equal(await answerOf(memory, capital), null);
  assert.ok(performance.now() - startedMs < 300);
  encoder.delayMs = 0;
  assert.equal(await answerOf(memory, capital), 'Portmarrin.');
  await store.close();
});

test('what is forgotten while a question is encoded is not used for it', async () => {
  const { memory, store, encoder } = await start();
  const learned = await memory.learn(rowOf(capital, 'Portmarrin.'));
  encoder.delayMs = 400;
  const asked = answerOf(memory, capital);
  await memory.forget('acme', learned!.id);
  assert.equal(await asked, null);
  await store.close();
});

test('rows that say what the answer should be are remembered, others and unfit ones are not', async () => {
  const { memory, store } = await start();
  const learns = async (about: About, answer = 'so', question = 'Who is Ada?'): Promise<string | null> =>
    (await memory.learn(rowOf(question, answer, about)))?.answer ?? null;
  assert.equal(await learns({ signal: { kind: 'preference', chosen: 'A', rejected: 'B' } }), 'A');
  assert.equal(await learns({ signal: { kind: 'demonstration' }, answer: 'shown' }), 'shown');
  assert.equal(await learns({ signal: { kind: 'rating', value: 1 } }), null);
  assert.equal(await learns({ signal: { kind: 'comment', text: 'nice' } }), null);
  assert.equal(await learns({ messages: [{ role: 'assistant', content: 'Hi.' }] }), null);
  assert.equal(await learns({ messages: [] }), null);
  const { id, ...text } = rowOf('', 'so');
  assert.equal(await memory.learn({ ...text, id, context: { kind: 'text', prompt: 'Who?' } }), null);
  assert.equal(await learns({}, 'x'.repeat(2_000)), 'x'.repeat(2_000));
  assert.equal(await learns({}, 'x'.repeat(2_001)), null);
  assert.equal(await learns({}, ' '), null);
  assert.equal(await learns({}, 'so', ''), null);
  assert.equal(await learns({}, 'so', `Who is Ada${'?'.repeat(2_000)}`), null);
  assert.equal(await learns({}, 'so', 'What does [email] want?'), null, 'whom it is about was taken out');
  await store.close();
});

test('one row makes one entry, however often and at once it comes', async () => {
  const { memory, store } = await start();
  const row = rowOf(capital, 'Portmarrin.');
  await Promise.all(Array.from({ length: 8 }, () => memory.learn(row)));
  const entry = await memory.learn(row);
  assert.deepEqual(
    memory.list('acme').map(({ id, source }) => [id, source]),
    [[entry?.id, row.id]],
  );
  await memory.edit('acme', entry!.id, { answer: 'Edited.' });
  assert.equal((await memory.learn(row))?.answer, 'Edited.', 'what somebody edited stays edited');
  await store.close();
});

test('a later correction of an account takes the place of its earlier one, and of nobody else’s', async () => {
  const { memory, store } = await start();
  await memory.learn(rowOf('What is in room 101?', 'A bed.'));
  await memory.learn(rowOf('What is in room 102?', 'A desk.'));
  await memory.learn(rowOf('What is in room 101?', 'A chair.', { account: 'bob' }));
  await memory.learn(rowOf('What is in room 101?', 'A lamp.', { model: 'large' }));
  await memory.learn(rowOf('What is in room 101?', 'A table.'));
  assert.deepEqual(
    memory.list('acme').map(({ answer }) => answer),
    ['A desk.', 'A chair.', 'A lamp.', 'A table.'],
  );
  assert.equal(await answerOf(memory, 'What is in room 101?'), 'A table.', 'the newest');
  await memory.forgetSource('acme', { account: 'alice' });
  assert.equal(await answerOf(memory, 'What is in room 101?'), 'A chair.');
  await store.close();
});

test('questions that are alike but name different things keep both answers', async () => {
  const same = (): Promise<Float32Array[]> => Promise.resolve([Float32Array.of(1, 0)]);
  const { memory, store } = await start({ embed: same });
  await memory.learn(rowOf('What is in room 101?', 'A bed.'));
  await memory.learn(rowOf('What is in room 102?', 'A desk.'));
  assert.equal(await answerOf(memory, 'What is in room 101?'), 'A bed.');
  assert.equal(await answerOf(memory, 'What is in room 102?'), 'A desk.');
  await store.close();
});

test('an entry counts until the millisecond in which it expires, by the time when it was said', async () => {
  const { memory, store, clock } = await start();
  const learned = await memory.learn(rowOf(capital, 'Portmarrin.', { receivedMs: t0 - 1_000 }));
  const { id } = learned!;
  clock.nowMs = t0 - 1_000 + ttlMs - 1;
  assert.equal(await answerOf(memory, capital), 'Portmarrin.');
  clock.nowMs++;
  assert.equal(await answerOf(memory, capital), null);
  assert.deepEqual(memory.list('acme'), []);
  const notFound = failsWith('memory_not_found');
  assert.throws(() => memory.get('acme', id), notFound);
  await assert.rejects(memory.edit('acme', id, { answer: 'New.' }), notFound);
  await assert.rejects(memory.forget('acme', id), notFound);
  assert.equal(store.entriesOf('acme').size, 1);
  await memory.expire();
  assert.equal(store.entriesOf('acme').size, 0);
  assert.equal(await memory.learn(rowOf(capital, 'Late.', { receivedMs: t0 - 1_000 })), null);
  assert.equal(await memory.learn({ ...rowOf(capital, 'Never.'), receivedAt: 'some day' }), null);
  await store.close();
});

const said = { tenant: 'acme', account: 'alice', model: 'tiny', context: null, source: null } as const;

test('what an operator writes and edits is found by its new question, counts as new, and is bounded', async () => {
  const { memory, store, clock } = await start();
  const { id } = await memory.put({ ...said, question: 'Who founded Brellmoor?', answer: 'Ida.' });
  clock.nowMs += 10;
  const edited = await memory.edit('acme', id, { question: 'Who founded Quorra?' });
  assert.deepEqual(
    [edited.id, edited.answer, edited.createdMs, edited.expiresMs],
    [id, 'Ida.', clock.nowMs, clock.nowMs + ttlMs],
  );
  assert.equal(await answerOf(memory, 'Who founded Brellmoor?'), null);
  assert.equal(await answerOf(memory, 'Who founded Quorra?'), 'Ida.');
  const invalid = (param: string) => failsWith('invalid_argument', param);
  const long = 'x'.repeat(2_001);
  await assert.rejects(memory.put({ ...said, question: long, answer: 'a' }), invalid('question'));
  await assert.rejects(memory.put({ ...said, question: 'q', answer: ' ' }), invalid('answer'));
  await assert.rejects(memory.edit('acme', id, { answer: long }), invalid('answer'));
  await memory.forget('acme', id);
  assert.equal(await answerOf(memory, 'Who founded Quorra?'), null);
  await assert.rejects(memory.forget('acme', id), failsWith('memory_not_found'));
  await store.close();
});

test('what an operator writes is stored without personal data, and not at all when it is about some', async () => {
  const { memory, store, folder } = await start();
  const entry = await memory.put({ ...said, question: 'Whom do I ask?', answer: 'Ask ada@example.com.' });
  assert.equal(entry.answer, 'Ask [email].');
  const about = { ...said, question: 'What does ada@example.com owe?', answer: 'Much.' };
  await assert.rejects(memory.put(about), failsWith('invalid_argument', 'question'));
  await assert.rejects(
    memory.edit('acme', entry.id, { question: about.question }),
    failsWith('invalid_argument', 'question'),
  );
  assert.ok(!readFileSync(join(folder, '00000001', '00000001.jsonl'), 'utf8').includes('example.com'));
  await store.close();
});

test('an entry that is forgotten while it is edited stays forgotten', async () => {
  const { memory, store, encoder } = await start();
  const learned = await memory.learn(rowOf(capital, 'Portmarrin.'));
  encoder.delayMs = 400;
  const edit = memory.edit('acme', learned!.id, { answer: 'Edited.' });
  const refused = assert.rejects(edit, failsWith('memory_not_found'));
  await memory.forgetSource('acme', { account: 'alice' });
  await refused;
  assert.deepEqual(memory.list('acme'), []);
  await store.close();
});

test('forgetting takes what came from the rows or from the account, and nothing else', async () => {
  const { memory, store } = await start();
  const first = rowOf('Who is Ada?', 'One.');
  await memory.learn(first);
  await memory.learn(rowOf('Who is Bea?', 'Two.'));
  await memory.learn(rowOf('Who is Cem?', 'Three.', { account: 'bob' }));
  await memory.put({ ...said, account: 'carol', question: 'Who is Dan?', answer: 'Four.' });
  const left = (): string[] => memory.list('acme').map(({ answer }) => answer);
  assert.equal(await memory.forgetSource('acme', {}), 0);
  assert.equal(await memory.forgetSource('acme', { rows: [first.id, 'fb-none'] }), 1);
  assert.deepEqual(left(), ['Two.', 'Three.', 'Four.']);
  assert.equal(await memory.forgetSource('acme', { account: 'alice' }), 1);
  assert.deepEqual(left(), ['Three.', 'Four.']);
  await store.close();
});

test('a row that cannot be encoded is not remembered, and whoever waits for it can give up', async () => {
  const { memory, store, encoder } = await start();
  encoder.failure = new Error('gone');
  await assert.rejects(memory.learn(rowOf(capital, 'Portmarrin.')), /gone/);
  encoder.failure = null;
  encoder.delayMs = 300;
  const unwanted = new AbortController();
  const learning = memory.learn(rowOf(capital, 'Portmarrin.'), unwanted.signal);
  unwanted.abort(new Error('unwanted'));
  await assert.rejects(learning, /unwanted/);
  await assert.rejects(memory.learn(rowOf(capital, 'Portmarrin.'), unwanted.signal), /unwanted/);
  assert.deepEqual(memory.list('acme'), []);
  await store.close();
});
