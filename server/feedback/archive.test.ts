import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ErrorCode, MillraceError } from '../../core/errors.ts';
import { readLog } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { Fate, LogRecord } from '../../core/feedback/record.ts';
import { logStart } from '../../core/feedback/segments.ts';
import { Archive } from './archive.ts';
import type { FeedbackRequest, Remark } from './feedback-request.ts';
import type { KeeperOptions } from './keeper-messages.ts';
import type { StoredResponse } from './stored-response.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-archive-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const t0 = 1_700_000_000_000;
const keepMs = 3_600_000;

function newOptions(change: Partial<KeeperOptions> = {}): KeeperOptions {
  const at = (name: string): string => join(root, String(numFolders), name);
  numFolders++;
  return {
    folders: { feedback: at('feedback'), fates: at('fates'), responses: at('responses') },
    responses: { keepMs, totalBytes: 1e8, maxResponses: 1_000 },
    log: { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 1_000 },
    maxIndexed: 1_000,
    ...change,
  };
}

/** An archive and the time that it sees. */
async function start(options = newOptions()) {
  const clock = { nowMs: t0 };
  const archive = await Archive.open(options, () => clock.nowMs);
  return { archive, clock, options };
}

const responseOf = (id: string, tenant = 'acme'): StoredResponse => ({
  id,
  createdMs: t0,
  tenant,
  account: 'who-asked',
  model: 'tiny',
  version: 'v1@base',
  arm: 'canary',
  conversation: 'c0ffee',
  context: { kind: 'chat', messages: [{ role: 'user', content: `question ${id}` }] },
  answers: [`first ${id}`, `second ${id}`],
});

const correction: Remark = { kind: 'correction', text: 'what it should be' };

interface About {
  readonly tenant?: string;
  readonly account?: string;
  readonly choice?: number;
  readonly remark?: Remark;
  readonly key?: string;
  readonly body?: string;
}

function requestOf(responseId: string, about: About = {}): FeedbackRequest {
  const { tenant = 'acme', account = 'alice', choice = 0, remark = correction, key, body = 'body' } = about;
  return {
    tenant,
    account,
    subject: { kind: 'response', responseId, choice, remark },
    idempotency: key === undefined ? null : { key, digest: body },
  };
}

async function logOf({ folders }: KeeperOptions): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let position = logStart; ; ) {
    const read = await readLog(folders.feedback, position, (json) => json as LogRecord);
    if (read.records.length === 0) return records;
    records.push(...read.records.map(({ record }) => record));
    position = read.position;
  }
}

const failsWith =
  (code: ErrorCode, param: string | null = null) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.deepEqual([error.code, error.param], [code, param]);
    return true;
  };

test('a row carries who said it, and what the answer was that it is about; it is in the log when it is acknowledged', async () => {
  const { archive, options } = await start();
  await archive.put(responseOf('r1'));
  const record = await archive.feedback(requestOf('r1', { choice: 1 }));
  assert.deepEqual(record, {
    type: 'feedback',
    id: record.id,
    receivedAt: new Date(t0).toISOString(),
    tenant: 'acme',
    account: 'alice',
    model: 'tiny',
    version: 'v1@base',
    arm: 'canary',
    responseId: 'r1',
    conversation: 'c0ffee',
    answeredAt: new Date(t0).toISOString(),
    context: responseOf('r1').context,
    answer: 'second r1',
    signal: correction,
    redactions: {},
    idempotency: null,
  });
  assert.deepEqual(await logOf(options), [record]);
  await archive.close();
});

test('each kind of remark becomes its signal; a preference without a loser prefers to the answer', async () => {
  const { archive } = await start();
  await archive.put(responseOf('r1'));
  const cases: readonly [Remark, unknown][] = [
    [correction, correction],
    [
      { kind: 'rating', value: -0.5 },
      { kind: 'rating', value: -0.5 },
    ],
    [
      { kind: 'comment', text: 'too long' },
      { kind: 'comment', text: 'too long' },
    ],
    [
      { kind: 'preference', chosen: 'this', rejected: 'that' },
      { kind: 'preference', chosen: 'this', rejected: 'that' },
    ],
    [
      { kind: 'preference', chosen: 'this', rejected: null },
      { kind: 'preference', chosen: 'this', rejected: 'first r1' },
    ],
  ];
  for (const [remark, signal] of cases)
    assert.deepEqual((await archive.feedback(requestOf('r1', { remark }))).signal, signal);
  const context = { kind: 'chat' as const, messages: [{ role: 'user' as const, content: 'Who?' }] };
  const subject = { kind: 'demonstration' as const, model: 'tiny', context, answer: 'Ada.' };
  const shown = await archive.feedback({ tenant: 'acme', account: 'alice', subject, idempotency: null });
  const { signal, answer, responseId, version } = shown;
  assert.deepEqual(
    { signal, answer, responseId, version, context: shown.context },
    { signal: { kind: 'demonstration' }, answer: 'Ada.', responseId: null, version: null, context },
  );
  await archive.close();
});

test('a response that was never stored, has expired, or is another tenant’s, is not found, and nobody learns which', async () => {
  const { archive, clock, options } = await start();
  await archive.put(responseOf('mine'));
  await archive.put(responseOf('theirs', 'other'));
  const notFound = failsWith('response_not_found', 'response_id');
  const messages: string[] = [];
  const refused = async (id: string): Promise<void> => {
    await assert.rejects(archive.feedback(requestOf(id)), (error: Error) => {
      messages.push(error.message.replace(id, '*'));
      return notFound(error);
    });
  };
  await refused('never');
  await refused('theirs');
  clock.nowMs = t0 + keepMs - 1;
  await archive.feedback(requestOf('mine'));
  clock.nowMs = t0 + keepMs;
  await refused('mine');
  assert.equal(new Set(messages).size, 1);
  assert.equal((await logOf(options)).length, 1);
  await archive.close();
  const { archive: without } = await start(newOptions({ responses: null }));
  await without.put(responseOf('mine'));
  await assert.rejects(without.feedback(requestOf('mine')), notFound);
  await without.close();
});

test('a choice that the response does not have is refused by name', async () => {
  const { archive, options } = await start();
  await archive.put(responseOf('r1'));
  await assert.rejects(
    archive.feedback(requestOf('r1', { choice: 2 })),
    failsWith('invalid_argument', 'choice'),
  );
  assert.deepEqual(await logOf(options), []);
  await archive.close();
});

test('a key makes one row, however often and at once its request comes, and over restarts', async () => {
  const { archive, options } = await start();
  await archive.put(responseOf('r1'));
  const request = requestOf('r1', { key: 'k' });
  const rows = await Promise.all(Array.from({ length: 20 }, () => archive.feedback(request)));
  rows.push(await archive.feedback(request));
  await archive.close();
  const { archive: again } = await start(options);
  rows.push(await again.feedback(request));
  for (const row of rows) assert.deepEqual(row, rows[0]);
  assert.deepEqual(await logOf(options), [rows[0]]);
  await again.close();
});

test('a key that comes with another body is a conflict, also while the first is being written, and after a restart', async () => {
  const { archive, options } = await start();
  await archive.put(responseOf('r1'));
  const first = archive.feedback(requestOf('r1', { key: 'k', body: 'one' }));
  const other = requestOf('r1', { key: 'k', body: 'two' });
  const conflict = failsWith('idempotency_conflict');
  await assert.rejects(archive.feedback(other), conflict);
  await first;
  await assert.rejects(archive.feedback(other), conflict);
  await archive.close();
  const { archive: again } = await start(options);
  await assert.rejects(again.feedback(other), conflict);
  assert.equal((await logOf(options)).length, 1);
  await again.close();
});

test('keys of different accounts and tenants never meet', async () => {
  const { archive, options } = await start();
  for (const tenant of ['acme', 'other']) await archive.put(responseOf(`of-${tenant}`, tenant));
  const requests = [
    requestOf('of-acme', { account: 'a', key: 'b/c', body: '1' }),
    requestOf('of-acme', { account: 'a/b', key: 'c', body: '2' }),
    requestOf('of-other', { account: 'a', tenant: 'other', key: 'b/c', body: '3' }),
  ];
  const rows = await Promise.all(requests.map((request) => archive.feedback(request)));
  assert.equal(new Set(rows.map(({ id }) => id)).size, 3);
  assert.equal((await logOf(options)).length, 3);
  await archive.close();
});

test('a key whose request failed is free for the next try', async () => {
  const { archive } = await start();
  const request = requestOf('r1', { key: 'k' });
  const failed = [archive.feedback(request), archive.feedback(request)];
  for (const outcome of await Promise.allSettled(failed)) assert.equal(outcome.status, 'rejected');
  await archive.put(responseOf('r1'));
  assert.equal((await archive.feedback(request)).responseId, 'r1');
  await archive.close();
});

test('a row is shown to its tenant alone, with the newest of its fates', async () => {
  const { archive, options } = await start();
  await archive.put(responseOf('r1'));
  const rows = [];
  for (let n = 0; n < 5; n++) rows.push(await archive.feedback(requestOf('r1')));
  await archive.undo({ tenant: 'acme', what: { kind: 'row', row: rows[0]!.id }, rows: [] });
  const last = await archive.feedback(requestOf('r1'));
  for (const record of [...rows, last]) {
    assert.deepEqual(await archive.view({ id: record.id, tenant: 'acme' }), { record, fate: null });
    assert.equal(await archive.view({ id: record.id, tenant: 'other' }), null);
  }
  assert.equal(await archive.view({ id: 'fb-none', tenant: 'acme' }), null);
  const fates = await LogWriter.open(options.folders.fates, options.log);
  const fateOf = (id: string, state: Fate['state']): Fate => ({ id, at: 'then', state });
  await fates.append(fateOf(last.id, { kind: 'queued' }));
  assert.equal((await archive.view({ id: last.id, tenant: 'acme' }))?.fate?.state.kind, 'queued');
  const trained = fateOf(last.id, { kind: 'trained', version: 'v2' });
  await fates.append(fateOf(rows[0]!.id, { kind: 'dropped', reason: 'rude' }));
  await fates.append(trained);
  await fates.close();
  const views = await Promise.all(
    Array.from({ length: 10 }, () => archive.view({ id: last.id, tenant: 'acme' })),
  );
  for (const view of views) assert.deepEqual(view?.fate, trained);
  await archive.close();
  const { archive: again } = await start(options);
  assert.deepEqual(await again.view({ id: last.id, tenant: 'acme' }), { record: last, fate: trained });
  assert.deepEqual((await again.view({ id: rows[3]!.id, tenant: 'acme' }))?.record, rows[3]);
  await again.close();
});

test('an undo is in the log when it is acknowledged, and means the rows of its tenant’s account', async () => {
  const { archive, options } = await start();
  for (const tenant of ['acme', 'other']) await archive.put(responseOf(`of-${tenant}`, tenant));
  const alice = await archive.feedback(requestOf('of-acme'));
  const bob = await archive.feedback(requestOf('of-acme', { account: 'bob' }));
  await archive.feedback(requestOf('of-other', { tenant: 'other' }));
  const ofAlice = { tenant: 'acme', what: { kind: 'account', account: 'alice' } } as const;
  const rows = await archive.rows(ofAlice);
  assert.deepEqual(rows, [alice.id]);
  const row = { kind: 'row', row: bob.id } as const;
  assert.deepEqual(await archive.rows({ tenant: 'acme', what: row }), [bob.id]);
  assert.deepEqual(await archive.rows({ tenant: 'other', what: row }), []);
  const undo = await archive.undo({ ...ofAlice, rows });
  assert.deepEqual((await logOf(options)).at(-1), undo);
  assert.deepEqual(undo.rows, [alice.id]);
  await archive.close();
});

test('beyond its bound the index forgets the oldest rows, but an account’s rows are all found', async () => {
  const log = { segmentBytes: 1_000, totalBytes: 1e6, maxPending: 100 };
  const { archive, options } = await start(newOptions({ maxIndexed: 3, log }));
  await archive.put(responseOf('r1'));
  const ids: string[] = [];
  for (let n = 0; n < 8; n++)
    ids.push((await archive.feedback(requestOf('r1', { account: n % 2 === 0 ? 'alice' : 'bob' }))).id);
  const check = async (each: Archive): Promise<void> => {
    const seen = await Promise.all(ids.map((id) => each.view({ id, tenant: 'acme' })));
    assert.deepEqual(
      seen.map((view) => view?.record.id ?? null),
      [...ids.slice(0, -3).map(() => null), ...ids.slice(-3)],
    );
    const rows = await each.rows({ tenant: 'acme', what: { kind: 'account', account: 'bob' } });
    assert.deepEqual(
      rows,
      ids.filter((_, n) => n % 2 === 1),
    );
  };
  await check(archive);
  await archive.close();
  const { archive: again } = await start(options);
  await check(again);
  await again.close();
});

test('a row whose part of the log was dropped is not found, and its key is free', async () => {
  const log = { segmentBytes: 500, totalBytes: 1_500, maxPending: 100 };
  const { archive, options } = await start(newOptions({ log }));
  await archive.put(responseOf('r1'));
  const request = requestOf('r1', { key: 'k' });
  const first = await archive.feedback(request);
  for (let n = 0; n < 10; n++) await archive.feedback(requestOf('r1'));
  assert.equal(await archive.view({ id: first.id, tenant: 'acme' }), null);
  await archive.feedback(request);
  assert.equal((await logOf(options)).at(-1)?.id, first.id, 'acknowledged only when it is there again');
  await archive.close();
});
