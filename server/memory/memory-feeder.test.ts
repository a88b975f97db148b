import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { FeedbackRecord, UndoRecord } from '../../core/feedback/record.ts';
import { until } from '../../test/until.ts';
import { type FakeEncoder, fakeEncoder, fakeName } from './fake-embed.ts';
import { Memory } from './memory.ts';
import { MemoryFeeder } from './memory-feeder.ts';
import { MemoryStore } from './memory-store.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-feeder-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const logLimits = { segmentBytes: 2_000, totalBytes: 1e9, maxPending: 1_000 };

interface Fed {
  readonly memory: Memory;
  readonly feeder: MemoryFeeder;
  readonly encoder: FakeEncoder;
  readonly problems: string[];
  close(): Promise<void>;
}

/** What is fed from one folder's log, and can be started again on it. */
async function start(folder: string, encoder = fakeEncoder()): Promise<Fed> {
  const store = await MemoryStore.open(join(folder, 'memory'), { maxEntries: 100, maxPerAccount: 100 });
  const thresholds = { similarity: 0.8, namedSimilarity: 0.5 };
  const memory = new Memory({
    store,
    embed: encoder.embed,
    encoder: fakeName,
    thresholds,
    ttlMs: 1e9,
    maxWaitMs: 100,
    now: Date.now,
  });
  const problems: string[] = [];
  const feeder = await MemoryFeeder.open({
    memory,
    log: join(folder, 'feedback'),
    cursor: join(folder, 'cursor.json'),
    onProblem: (problem) => problems.push(problem),
  });
  const close = async (): Promise<void> => {
    await feeder.close();
    await store.close();
  };
  return { memory, feeder, encoder, problems, close };
}

async function newLog() {
  const folder = join(root, String(numFolders++));
  return { folder, log: await LogWriter.open(join(folder, 'feedback'), logLimits) };
}

function rowOf(name: string, account = 'alice'): FeedbackRecord {
  return {
    type: 'feedback',
    id: `fb-${name}`,
    receivedAt: new Date().toISOString(),
    tenant: 'acme',
    account,
    model: 'tiny',
    version: 'v1',
    arm: null,
    responseId: 'r1',
    conversation: null,
    answeredAt: null,
    context: { kind: 'chat', messages: [{ role: 'user', content: `Who is ${name}?` }] },
    answer: 'wrong',
    signal: { kind: 'correction', text: `${name} it is.` },
    redactions: {},
    idempotency: null,
  };
}

const undoOf = (what: UndoRecord['what'], tenant = 'acme', rows: readonly string[] = []): UndoRecord => ({
  type: 'undo',
  id: 'undo-1',
  receivedAt: new Date().toISOString(),
  tenant,
  what,
  rows,
});

const namesIn = ({ memory }: Fed): string[] => memory.list('acme').map(({ answer }) => answer.split(' ')[0]!);

test('rows that were there and rows that come are remembered, in their order, over segments', async () => {
  const { folder, log } = await newLog();
  const names = Array.from({ length: 12 }, (_, n) => `Name${String.fromCharCode(65 + n)}`);
  for (const name of names.slice(0, 8)) await log.append(rowOf(name));
  const fed = await start(folder);
  await until(() => namesIn(fed).length === 8);
  for (const name of names.slice(8)) {
    await log.append(rowOf(name));
    fed.feeder.wake();
  }
  await until(() => namesIn(fed).length === 12);
  assert.deepEqual(namesIn(fed), names);
  await fed.close();
  await log.close();
});

test('after a restart it goes on where it was', async () => {
  const { folder, log } = await newLog();
  for (const name of ['Ada', 'Bea']) await log.append(rowOf(name));
  const first = await start(folder);
  await until(() => namesIn(first).length === 2);
  await first.memory.forget('acme', 'mem-Ada');
  await first.close();
  await log.append(rowOf('Cem'));
  const second = await start(folder);
  await until(() => namesIn(second).includes('Cem'));
  assert.deepEqual(namesIn(second), ['Bea', 'Cem'], 'what was forgotten does not come back');
  assert.deepEqual(second.encoder.texts, ['Who is Cem?']);
  await second.close();
  await log.close();
});

test('rows that come again since the place was not written down change nothing', async () => {
  const { folder, log } = await newLog();
  for (const name of ['Ada', 'Bea']) await log.append(rowOf(name));
  const first = await start(folder);
  await until(() => namesIn(first).length === 2);
  await first.close();
  rmSync(join(folder, 'cursor.json'));
  await log.append(rowOf('Cem'));
  const second = await start(folder);
  await until(() => namesIn(second).includes('Cem'));
  assert.deepEqual(namesIn(second), ['Ada', 'Bea', 'Cem']);
  assert.deepEqual(second.encoder.texts, ['Who is Cem?']);
  await second.close();
  await log.close();
});

test('a place that is damaged, or beyond a log that was begun anew, is told, and all is read', async () => {
  const { folder, log } = await newLog();
  await log.append(rowOf('Ada'));
  for (const text of [
    '{"segment":1,"off',
    '{"segment":1,"offset":99999}',
    '{"segment":7,"offset":0}',
    '[]',
  ]) {
    writeFileSync(join(folder, 'cursor.json'), text);
    const fed = await start(folder);
    await until(() => namesIn(fed).length === 1);
    assert.equal(fed.problems.length, 1, text);
    await fed.close();
    rmSync(join(folder, 'memory'), { recursive: true });
  }
  await log.close();
});

test('an undo forgets the row, or all of the account, and leaves other tenants alone', async () => {
  const { folder, log } = await newLog();
  const rows = [
    rowOf('Ada'),
    rowOf('Bea'),
    rowOf('Cem'),
    rowOf('Dan', 'bob'),
    rowOf('Eve', 'bob'),
    rowOf('Fay'),
  ];
  for (const row of rows) await log.append(row);
  const fed = await start(folder);
  const undo = async (record: UndoRecord, left: readonly string[]): Promise<void> => {
    await log.append(record);
    await log.append({ ...rowOf('Gus'), tenant: 'other', id: `fb-gus-${left.length}` });
    fed.feeder.wake();
    await until(() => fed.memory.list('other').some(({ source }) => source === `fb-gus-${left.length}`));
    assert.deepEqual(namesIn(fed), left);
  };
  await undo(undoOf({ kind: 'account', account: 'alice' }, 'third'), [
    'Ada',
    'Bea',
    'Cem',
    'Dan',
    'Eve',
    'Fay',
  ]);
  await undo(undoOf({ kind: 'row', row: 'fb-Bea' }), ['Ada', 'Cem', 'Dan', 'Eve', 'Fay']);
  await undo(undoOf({ kind: 'row', row: 'fb-Ada' }, 'acme', ['fb-Ada', 'fb-Fay']), ['Cem', 'Dan', 'Eve']);
  await undo(undoOf({ kind: 'account', account: 'bob' }, 'acme', ['fb-Dan', 'fb-Eve']), ['Cem']);
  await fed.close();
  const again = await start(folder);
  await again.close();
  assert.deepEqual(namesIn(again), ['Cem']);
  await log.close();
});

const unavailable = new MillraceError('engine_unavailable', { reason: 'it starts', retryAfterMs: 1 });

test('while the encoder is not there, rows wait; once it is, they are remembered without anybody asking', async () => {
  const { folder, log } = await newLog();
  for (const name of ['Ada', 'Bea']) await log.append(rowOf(name));
  const encoder = fakeEncoder();
  encoder.failure = unavailable;
  const fed = await start(folder, encoder);
  await until(() => encoder.texts.length === 1);
  for (let n = 0; n < 20; n++) {
    fed.feeder.wake();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.deepEqual(namesIn(fed), []);
  assert.equal(encoder.texts.length, 1, 'new rows do not hurry it');
  await until(() => fed.problems.length === 1);
  assert.match(fed.problems[0]!, /memory waits: .*it starts/);
  encoder.failure = null;
  await until(() => namesIn(fed).length === 2);
  assert.deepEqual(namesIn(fed), ['Ada', 'Bea']);
  await fed.close();
  await log.close();
});

test('what was remembered before a failure is not done again, and after a kill at most that row is', async () => {
  const { folder, log } = await newLog();
  for (const name of ['Ada', 'Bea', 'Cem']) await log.append(rowOf(name));
  const encoder = fakeEncoder();
  let numFailures = 0;
  const fed = await start(folder, {
    ...encoder,
    embed: async (texts, options) => {
      if (texts[0] !== 'Who is Cem?') return encoder.embed(texts, options);
      numFailures++;
      throw unavailable;
    },
  });
  await until(() => numFailures === 2);
  assert.deepEqual(encoder.texts, ['Who is Ada?', 'Who is Bea?']);
  // As a kill leaves it: nothing is closed.
  const cursor = readFileSync(join(folder, 'cursor.json'), 'utf8');
  const twoRows = [rowOf('Ada'), rowOf('Bea')].map((row) => `${JSON.stringify(row)}\n`).join('').length;
  assert.deepEqual(JSON.parse(cursor), { segment: 1, offset: twoRows });
  await fed.close();
  await log.close();
});

test('a row that fails by itself is tried again, then told and left out; the others are remembered', async () => {
  const { folder, log } = await newLog();
  for (const name of ['Ada', 'Bea', 'Cem']) await log.append(rowOf(name));
  const encoder = fakeEncoder();
  const fed = await start(folder, {
    ...encoder,
    embed: async (texts, options) => {
      if (texts[0] === 'Who is Bea?') throw new MillraceError('engine_internal', { reason: 'odd' });
      return encoder.embed(texts, options);
    },
  });
  await until(() => namesIn(fed).length === 2);
  assert.deepEqual(namesIn(fed), ['Ada', 'Cem']);
  assert.equal(fed.problems.length, 1);
  assert.match(fed.problems[0]!, /leaves out the row fb-Bea: .*odd/);
  await fed.close();
  await log.close();
});

test('closing does not wait for an encoder that never answers', async () => {
  const { folder, log } = await newLog();
  await log.append(rowOf('Ada'));
  const encoder = fakeEncoder();
  const fed = await start(folder, { ...encoder, embed: () => new Promise(() => {}) });
  await new Promise((resolve) => setTimeout(resolve, 30));
  const startedMs = performance.now();
  await fed.close();
  assert.ok(performance.now() - startedMs < 500);
  assert.deepEqual(fed.problems, []);
  fed.feeder.wake();
  await log.close();
});
