/** The keeper with its real thread, on a real disk. What it decides is tested in archive.test.ts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { MillraceError } from '../../core/errors.ts';
import { readLog } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { logStart } from '../../core/feedback/segments.ts';
import { fixturePath } from '../../test/root.ts';
import type { FeedbackRequest } from './feedback-request.ts';
import { type Keeper, openKeeper } from './keeper.ts';
import type { KeeperOptions } from './keeper-messages.ts';
import type { StoredResponse } from './stored-response.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-keeper-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

function newOptions(change: Partial<KeeperOptions> = {}): KeeperOptions {
  const at = (name: string): string => join(root, String(numFolders), name);
  numFolders++;
  return {
    folders: { feedback: at('feedback'), fates: at('fates'), responses: at('responses') },
    responses: { keepMs: 3_600_000, totalBytes: 1e8, maxResponses: 10_000 },
    log: { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 1_000 },
    maxIndexed: 10_000,
    ...change,
  };
}

const responseOf = (id: string, question = 'Who?', answer = 'Nobody.'): StoredResponse => ({
  id,
  createdMs: Date.now(),
  tenant: 'acme',
  account: 'who-asked',
  model: 'tiny',
  version: 'v1',
  arm: null,
  conversation: null,
  context: { kind: 'chat', messages: [{ role: 'user', content: question }] },
  answers: [answer],
});

const requestOf = (responseId: string, text = 'Somebody.', key: string | null = null): FeedbackRequest => ({
  tenant: 'acme',
  account: 'alice',
  subject: { kind: 'response', responseId, choice: 0, remark: { kind: 'correction', text } },
  idempotency: key === null ? null : { key, digest: text },
});

async function logOf({ folders }: KeeperOptions): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let position = logStart; ; ) {
    const read = await readLog(folders.feedback, position, (json) => json as LogRecord);
    if (read.records.length === 0) return records;
    records.push(...read.records.map(({ record }) => record));
    position = read.position;
  }
}

/** The thread, to be killed as no caller can. */
const workerOf = (keeper: Keeper): Worker => (keeper as unknown as { readonly worker: Worker }).worker;

const isUnavailable = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'feedback_unavailable';

test('feedback on an answer that was just kept is in the log when it is acknowledged', async () => {
  const options = newOptions();
  const keeper = await openKeeper(options);
  keeper.keep(responseOf('r1'));
  const record = await keeper.call('feedback', requestOf('r1'));
  assert.deepEqual(await logOf(options), [record]);
  assert.deepEqual(await keeper.call('view', { id: record.id, tenant: 'acme' }), { record, fate: null });
  await keeper.close();
});

test('errors come through the thread as they are', async () => {
  const keeper = await openKeeper(newOptions());
  await assert.rejects(keeper.call('feedback', requestOf('never')), (error: MillraceError) => {
    assert.deepEqual([error.code, error.param], ['response_not_found', 'response_id']);
    assert.match(error.message, /never: .* kept for 1 hours/);
    return true;
  });
  keeper.keep(responseOf('r1'));
  const [first] = await Promise.all(
    [1, 2, 3].map(() => keeper.call('feedback', requestOf('r1', 'a', 'key'))),
  );
  assert.equal(first?.responseId, 'r1');
  await assert.rejects(
    keeper.call('feedback', requestOf('r1', 'b', 'key')),
    ({ code }: MillraceError) => code === 'idempotency_conflict',
  );
  await keeper.close();
});

test('what is under way when it is closed is finished, and what comes later is refused', async () => {
  const options = newOptions();
  const keeper = await openKeeper(options);
  keeper.keep(responseOf('r1'));
  const rows = Promise.all(Array.from({ length: 50 }, () => keeper.call('feedback', requestOf('r1'))));
  await keeper.close();
  assert.deepEqual(await logOf(options), await rows);
  await assert.rejects(keeper.call('feedback', requestOf('r1')), isUnavailable);
  await keeper.close();
});

test('more than can wait is refused at once, and feedback finds room beside the responses', async () => {
  const options = newOptions();
  const keeper = await openKeeper(options);
  for (let n = 0; n < 600; n++) keeper.keep(responseOf(`r${n}`));
  assert.equal(keeper.numUnstored, 600 - 512);
  const calls = Array.from({ length: 700 }, () => keeper.call('feedback', requestOf('r0')));
  const outcomes = await Promise.allSettled(calls);
  const numAccepted = outcomes.filter(({ status }) => status === 'fulfilled').length;
  assert.equal(numAccepted, 512);
  for (const outcome of outcomes) assert.ok(outcome.status === 'fulfilled' || isUnavailable(outcome.reason));
  assert.equal((await logOf(options)).length, numAccepted);
  await keeper.close();
});

test('what waits is bounded in characters, too', async () => {
  const keeper = await openKeeper(newOptions());
  const large = 'x'.repeat(20 * 2 ** 20);
  for (const id of ['r1', 'r2', 'r3', 'r4']) keeper.keep(responseOf(id, large));
  assert.equal(keeper.numUnstored, 2);
  await workerOf(keeper).terminate();
  await keeper.close();
});

test('folders that cannot be used are told when it is opened', async () => {
  const options = newOptions();
  const file = join(root, 'file');
  writeFileSync(file, '');
  const problems: string[] = [];
  const feedback = join(file, 'feedback');
  await assert.rejects(
    openKeeper(
      { ...options, folders: { ...options.folders, feedback } },
      { onProblem: (problem) => problems.push(problem) },
    ),
    (error: Error) => isUnavailable(error) && error.message.includes('ENOTDIR'),
  );
  assert.equal(problems.length, 1);
});

test('a thread that dies fails what it was asked, and another takes its place', async () => {
  const options = newOptions();
  const keeper = await openKeeper(options);
  keeper.keep(responseOf('r1'));
  const acknowledged = await keeper.call('feedback', requestOf('r1', 'before'));
  const underWay = keeper.call('feedback', requestOf('r1', 'during'));
  const died = workerOf(keeper).terminate();
  await assert.rejects(underWay, isUnavailable);
  await died;
  await assert.rejects(keeper.call('feedback', requestOf('r1')), isUnavailable);
  const deadlineMs = Date.now() + 4_000;
  const retry = async (): Promise<{ readonly id: string }> => {
    try {
      return await keeper.call('feedback', requestOf('r1', 'after'));
    } catch (error) {
      if (!isUnavailable(error) || Date.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return retry();
    }
  };
  const later = await retry();
  const ids = (await logOf(options)).map(({ id }) => id);
  assert.ok(ids.includes(acknowledged.id) && ids.at(-1) === later.id);
  await keeper.close();
});

interface Labelled {
  readonly text: string;
  readonly found: readonly { readonly value: string }[];
}

test('of personal data and secrets in prompts, answers, feedback and keys, nothing is on the disk', async () => {
  const labelled: readonly Labelled[] = JSON.parse(
    readFileSync(fixturePath('privacy.json'), 'utf8').replaceAll('\\u00a6', ''),
  );
  const planted = labelled.filter(({ found }) => found.length > 0).filter((_, index) => index % 5 === 0);
  const options = newOptions();
  const keeper = await openKeeper(options);
  const said = planted.map(async ({ text }, n) => {
    const answer = planted.at(n - 1)!.text;
    keeper.keep(responseOf(`r${n}`, `Harmless: ${text}`, answer));
    const row = await keeper.call('feedback', requestOf(`r${n}`, planted.at(n - 2)!.text, `key ${text}`));
    assert.ok(Object.keys(row.redactions).length > 0);
    const context = { kind: 'text' as const, prompt: text };
    const subject = { kind: 'demonstration' as const, model: 'tiny', context, answer };
    await keeper.call('feedback', { tenant: 'acme', account: 'bob', subject, idempotency: null });
  });
  await Promise.all(said);
  await keeper.close();
  const folders = Object.values(options.folders).filter((folder) => folder !== options.folders.fates);
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const disk = files.map((path) => readFileSync(path, 'utf8')).join('\n');
  const quoted = (value: string): string => JSON.stringify(value).slice(1, -1);
  assert.ok(disk.includes('Harmless: '), 'what was written is looked at');
  const values = planted.flatMap(({ found }) => found.map(({ value }) => value));
  assert.ok(values.length > 190);
  assert.deepEqual(
    values.filter((value) => disk.includes(quoted(value))),
    [],
  );
});

/** Gives feedback until it is killed, and says the id of each row once it is acknowledged. */
const child = `
  import { openKeeper } from ${JSON.stringify(new URL('./keeper.js', import.meta.url).href)};
  const { options, response, request } = JSON.parse(process.argv.at(-1));
  const keeper = await openKeeper(options);
  keeper.keep({ ...response, createdMs: Date.now() });
  for (let n = 0; ; n++) {
    keeper.call('feedback', request).then(({ id }) => process.stdout.write(id + '\\n'), () => {});
    if (n % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
`;

test('no acknowledged row is lost when the process that uses the keeper is killed', async () => {
  const options = newOptions({ log: { segmentBytes: 20_000, totalBytes: 1e9, maxPending: 1_000 } });
  const input = JSON.stringify({ options, response: responseOf('r1'), request: requestOf('r1') });
  const program = join(root, 'child.mjs');
  writeFileSync(program, child);
  const writer = spawn(process.execPath, [program, input], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  writer.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  await new Promise<void>((resolve) => writer.stdout.once('data', () => resolve()));
  await new Promise((resolve) => setTimeout(resolve, 100));
  writer.kill('SIGKILL');
  await new Promise((resolve) => writer.once('close', resolve));
  const acknowledged = said.split('\n').slice(0, -1);
  assert.ok(acknowledged.length > 10);
  const keeper = await openKeeper(options);
  const kept = new Set((await logOf(options)).map(({ id }) => id));
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  );
  const id = acknowledged.at(-1)!;
  assert.equal((await keeper.call('view', { id, tenant: 'acme' }))?.record.id, id);
  assert.equal((await keeper.call('feedback', requestOf('r1'))).responseId, 'r1');
  await keeper.close();
});
