import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { readAll } from '../../core/feedback/log-reader.ts';
import type { FeedbackRecord, LogRecord } from '../../core/feedback/record.ts';
import { Archive } from './archive.ts';
import type { FeedbackRequest } from './feedback-request.ts';
import type { KeeperOptions } from './keeper-messages.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-peers-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const t0 = 1_700_000_000_000;

function optionsOf(origin: string, change: Partial<KeeperOptions> = {}): KeeperOptions {
  const at = (name: string): string => join(root, String(numFolders), name);
  numFolders++;
  return {
    folders: { feedback: at('feedback'), fates: at('fates'), responses: at('responses') },
    responses: { keepMs: 3_600_000, totalBytes: 1e8, maxResponses: 1_000 },
    log: { segmentBytes: 2_000, totalBytes: 1e9, maxPending: 1_000 },
    maxIndexed: 1_000,
    origin,
    ...change,
  };
}

const open = (options: KeeperOptions, nowMs = t0): Promise<Archive> => Archive.open(options, () => nowMs);

function demonstration(question: string, key: string | null = null, body = 'body'): FeedbackRequest {
  return {
    tenant: 'acme',
    account: 'alice',
    subject: {
      kind: 'demonstration',
      model: 'tiny',
      context: { kind: 'chat', messages: [{ role: 'user', content: question }] },
      answer: `answer to ${question}`,
    },
    idempotency: key === null ? null : { key, digest: body },
  };
}

async function logOf({ folders }: KeeperOptions): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const { record } of readAll(folders.feedback, (json) => json as LogRecord)) records.push(record);
  return records;
}

const conflicts = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'idempotency_conflict';

test('what a replica takes says so, and what others have taken is kept once, whatever it is and however often it comes', async () => {
  const [ofA, ofB] = [optionsOf('a'), optionsOf('b')];
  const [a, b] = [await open(ofA), await open(ofB)];
  const row = await a.feedback(demonstration('one'));
  const what = { kind: 'row' as const, row: row.id };
  const undo = await a.undo({ tenant: 'acme', what, rows: [row.id] });
  const change = await a.amend({ tenant: 'acme', change: { kind: 'forget', entry: 'mem-1' } });
  assert.deepEqual([row.origin, undo.origin, change.origin], ['a', 'a', 'a']);
  const records = [row, undo, change];
  assert.deepEqual(
    await b.receive(records),
    records.map(({ id }) => id),
  );
  assert.deepEqual(await b.receive([...records, row]), []);
  assert.deepEqual(await b.receive([]), []);
  assert.deepEqual(await logOf(ofB), records);
  assert.deepEqual((await b.view({ id: row.id, tenant: 'acme' }))?.record, row);
  assert.equal(await b.view({ id: row.id, tenant: 'other' }), null);
  assert.deepEqual(await b.rows({ tenant: 'acme', what: { kind: 'account', account: 'alice' } }), [row.id]);
  await b.close();
  const again = await open(ofB);
  assert.deepEqual(await again.receive(records), [], 'also after a start');
  assert.deepEqual(await logOf(ofB), records);
  await again.close();
  await a.close();
});

test('rows of others and own ones come at once into the log, and each is found', async () => {
  const [a, b] = [await open(optionsOf('a')), await open(optionsOf('b'))];
  const foreign: FeedbackRecord[] = [];
  for (let n = 0; n < 40; n++) foreign.push(await a.feedback(demonstration(`foreign ${n}`)));
  const [own] = await Promise.all([
    Promise.all(Array.from({ length: 40 }, (_, n) => b.feedback(demonstration(`own ${n}`)))),
    b.receive(foreign.slice(0, 20)),
    b.receive(foreign.slice(20)),
  ]);
  for (const record of [...own, ...foreign])
    assert.deepEqual((await b.view({ id: record.id, tenant: 'acme' }))?.record, record);
  await a.close();
  await b.close();
});

test('rows that the index has forgotten are not taken a second time, before and after a start', async () => {
  const a = await open(optionsOf('a'));
  const rows: FeedbackRecord[] = [];
  for (let n = 0; n < 60; n++) rows.push(await a.feedback(demonstration(`row ${n}`)));
  const undo = await a.undo({ tenant: 'acme', what: { kind: 'account', account: 'x' }, rows: [] });
  const all = [undo, ...rows];
  const ofB = optionsOf('b', { maxIndexed: 10 });
  const later = t0 + 3_600_000;
  const b = await open(ofB, later);
  assert.equal((await b.receive(all.slice(0, 50))).length, 50);
  assert.deepEqual(await b.receive(all.slice(0, 50)), []);
  assert.equal((await b.receive(all)).length, 11, 'what it does not have is taken');
  await b.close();
  const again = await open(ofB, later);
  assert.deepEqual(await again.receive(all), []);
  assert.equal((await again.receive([await a.feedback(demonstration('new'))])).length, 1);
  assert.deepEqual(await again.receive(all), []);
  assert.equal((await logOf(ofB)).length, 62);
  await again.close();
  await a.close();
});

test('one idempotency key given to two replicas is one row, before and after it was carried over', async () => {
  const [ofA, ofB] = [optionsOf('a'), optionsOf('b')];
  const [a, b] = [await open(ofA), await open(ofB)];
  const [atA, atB] = [
    await a.feedback(demonstration('one', 'key')),
    await b.feedback(demonstration('one', 'key')),
  ];
  assert.equal(atA.id, atB.id, 'at the same moment, nothing carried over yet');
  assert.deepEqual(await b.receive([atA]), []);
  assert.deepEqual(await a.receive([atB]), []);
  const later = await a.feedback(demonstration('two', 'other key'));
  await b.receive([later]);
  assert.equal((await b.feedback(demonstration('two', 'other key'))).id, later.id);
  await assert.rejects(b.feedback(demonstration('three', 'other key', 'another body')), conflicts);
  assert.deepEqual(
    (await logOf(ofA)).map(({ id }) => id),
    [atA.id, later.id],
  );
  assert.deepEqual(
    (await logOf(ofB)).map(({ id }) => id),
    [atA.id, later.id],
  );
  assert.match(atA.id, /^fb-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  await a.close();
  await b.close();
});

test('a row that comes from another replica while the same is written here is one row', async () => {
  const [a, ofB] = [await open(optionsOf('a')), optionsOf('b')];
  const b = await open(ofB);
  const foreign = await a.feedback(demonstration('one', 'key'));
  const [own, received] = await Promise.all([b.feedback(demonstration('one', 'key')), b.receive([foreign])]);
  assert.equal(own.id, foreign.id);
  assert.ok(received.length <= 1);
  assert.equal((await logOf(ofB)).length, 1);
  await a.close();
  await b.close();
});

test('a key whose row has left the log makes a row again', async () => {
  const options = optionsOf('a', { log: { segmentBytes: 500, totalBytes: 1_500, maxPending: 1_000 } });
  const archive = await open(options);
  const first = await archive.feedback(demonstration('one', 'key'));
  for (let n = 0; n < 20; n++) await archive.feedback(demonstration(`other ${n}`));
  assert.ok(!(await logOf(options)).some(({ id }) => id === first.id), 'it is gone');
  await archive.feedback(demonstration('one', 'key'));
  assert.ok(
    (await logOf(options)).some(({ id }) => id === first.id),
    'it is acknowledged only when it is there',
  );
  await archive.close();
});

test('what was kept of a response is given back where others may need it, redacted, and serves as what feedback is about', async () => {
  const [a, b] = [await open(optionsOf('a')), await open(optionsOf('b'))];
  const response = {
    id: 'r1',
    createdMs: t0,
    tenant: 'acme',
    account: 'who-asked',
    model: 'tiny',
    version: 'v1',
    arm: null,
    conversation: 'c0ffee',
    context: { kind: 'text' as const, prompt: 'write to ann@example.com' },
    answers: ['I wrote to ann@example.com'],
  };
  const kept = await a.put(response);
  assert.ok(kept !== null && !JSON.stringify(kept).includes('ann@'));
  const about: FeedbackRequest = {
    ...demonstration('unused'),
    subject: { kind: 'response', responseId: 'r1', choice: 0, remark: { kind: 'rating', value: 1 } },
  };
  await assert.rejects(b.feedback(about), (error: MillraceError) => error.code === 'response_not_found');
  const record = await b.feedback({ ...about, response: kept });
  assert.deepEqual([record.answer, record.version, record.responseId], [kept.answers[0], 'v1', 'r1']);
  const { origin: _, ...alone } = optionsOf('unused');
  const single = await open(alone);
  assert.equal(await single.put(response), null);
  for (const archive of [a, b, single]) await archive.close();
});
