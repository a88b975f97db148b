import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { newProgress, statusOf } from '../../core/jobs/job.ts';
import { JobStore } from '../../core/jobs/job-store.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { checkFile } from './check-file.ts';
import type { StoredFile } from './file-shelf.ts';
import { type JobLimits, jobDefaults } from './job-limits.ts';
import { type JobOrder, Jobs } from './jobs.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-jobs-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newLayout = () => learningLayout(join(root, String(numFolders++)));
type Layout = ReturnType<typeof newLayout>;

const line = (answer: string): string =>
  `{"messages":[{"role":"user","content":"Hello?"},{"role":"assistant","content":"${answer}"}]}\n`;
const pair = `{"input":{"messages":[{"role":"user","content":"Hello?"}]},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}`;

const open = (layout: Layout, limits: Partial<JobLimits> = {}): Promise<Jobs> =>
  Jobs.open({
    layout,
    limits: { ...jobDefaults, ...limits },
    now: () => 1_000,
    check: async ({ bytes, maxRows }) => checkFile(bytes, maxRows),
  });

const upload = (jobs: Jobs, tenant = 'a', text = line('Hi.')): Promise<StoredFile> =>
  jobs.files.upload(tenant, async () => ({ filename: 'x.jsonl', bytes: new TextEncoder().encode(text) }));

const orderOf = ({ id }: StoredFile, changes: Partial<JobOrder> = {}): JobOrder => ({
  model: 'm',
  trainingFile: id,
  validationFile: null,
  suffix: '',
  seed: 1,
  method: 'supervised',
  hyperparameters: { numEpochs: 'auto', batchSize: 'auto', rateMultiplier: 'auto', beta: 'auto' },
  metadata: null,
  ...changes,
});

const codeIs = (code: string, param?: string) => (error: unknown) => {
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, code, error.message);
  if (param !== undefined) assert.equal(error.param, param);
  return true;
};
const all = { after: null, limit: 100 };

test('files and jobs are there again after a restart, and what a crash left of others is not', async () => {
  const layout = newLayout();
  const jobs = await open(layout);
  const file = await upload(jobs);
  const { request } = await jobs.create('a', orderOf(file));
  writeFileSync(join(layout.files, `file-${'1'.repeat(32)}.jsonl`), line('never acknowledged'));
  writeFileSync(join(layout.files, `${file.id}.json.writing`), 'half');
  const again = await open(layout);
  assert.deepEqual(again.files.list('a'), [file]);
  assert.deepEqual((await again.get('a', request.id)).request, request);
  assert.deepEqual(readdirSync(layout.files).sort(), [`${file.id}.json`, `${file.id}.jsonl`]);
});

test('nothing of one tenant is seen, used or ended by another', async () => {
  const jobs = await open(newLayout());
  const file = await upload(jobs);
  const { request } = await jobs.create('a', orderOf(file));
  assert.deepEqual(jobs.files.list('b'), []);
  assert.throws(() => jobs.files.content('b', file.id), codeIs('file_not_found'));
  await assert.rejects(jobs.removeFile('b', file.id), codeIs('file_not_found'));
  await assert.rejects(jobs.create('b', orderOf(file)), codeIs('file_not_found', 'training_file'));
  assert.deepEqual((await jobs.list('b', all)).items, []);
  await assert.rejects(jobs.get('b', request.id), codeIs('job_not_found'));
  await assert.rejects(jobs.cancel('b', request.id), codeIs('job_not_found'));
  await assert.rejects(jobs.events('b', request.id, all), codeIs('job_not_found'));
  assert.equal(statusOf(await jobs.get('a', request.id)), 'queued');
});

test('files are bounded in number and bytes, per tenant', async () => {
  const size = line('Hi.').length;
  const jobs = await open(newLayout(), { maxFiles: 3, maxTenantBytes: 2 * size + 1 });
  const first = await upload(jobs);
  await upload(jobs);
  await assert.rejects(upload(jobs), codeIs('invalid_argument', 'file'));
  await upload(jobs, 'b');
  await jobs.removeFile('a', first.id);
  await upload(jobs);
  const few = await open(newLayout(), { maxFiles: 1 });
  await upload(few);
  await assert.rejects(upload(few), /you have 1 files, which is the most/);
});

test('files on their way count, so that many at once break no bound', async () => {
  const size = line('Hi.').length;
  const jobs = await open(newLayout(), { maxTenantBytes: 2 * size, maxTenantUploads: 3 });
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => upload(jobs)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2);
  assert.equal(jobs.files.list('a').length, 2);
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
  assert.deepEqual(codes.sort(), ['invalid_argument', 'queue_full', 'queue_full']);
});

test('a file must suit the method, and is kept while a job needs it', async () => {
  const jobs = await open(newLayout());
  const [chat, preference] = [await upload(jobs), await upload(jobs, 'a', pair)];
  await assert.rejects(
    jobs.create('a', orderOf(chat, { method: 'dpo' })),
    codeIs('invalid_argument', 'training_file'),
  );
  await assert.rejects(
    jobs.create('a', orderOf(chat, { validationFile: preference.id })),
    codeIs('invalid_argument', 'validation_file'),
  );
  const { request } = await jobs.create('a', orderOf(preference, { method: 'dpo' }));
  await assert.rejects(jobs.removeFile('a', preference.id), new RegExp(`${request.id} needs the file`));
  await jobs.cancel('a', request.id);
  await jobs.removeFile('a', preference.id);
  assert.deepEqual(jobs.files.list('a'), [chat]);
});

test('the queue is bounded, for all and for each', async () => {
  const jobs = await open(newLayout(), { maxPending: 3, maxTenantPending: 2 });
  const [own, other] = [await upload(jobs), await upload(jobs, 'b')];
  const burst = await Promise.allSettled(Array.from({ length: 4 }, () => jobs.create('a', orderOf(own))));
  assert.deepEqual(
    burst.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  await assert.rejects(jobs.create('a', orderOf(own)), codeIs('queue_full'));
  await jobs.create('b', orderOf(other));
  await assert.rejects(jobs.create('b', orderOf(other)), codeIs('queue_full'));
  const [newest] = (await jobs.list('a', all)).items;
  await jobs.cancel('a', newest!.request.id);
  await jobs.create('b', orderOf(other));
});

test('the oldest jobs that have ended are forgotten, those that have not never are', async () => {
  const layout = newLayout();
  const jobs = await open(layout, { maxKept: 2 });
  const file = await upload(jobs);
  const trainer = new JobStore(layout.jobs);
  const first = await jobs.create('a', orderOf(file));
  const second = await jobs.create('a', orderOf(file));
  await jobs.cancel('a', first.request.id);
  await assert.rejects(jobs.create('a', orderOf(file)), codeIs('queue_full'), 'the trainer has not noticed');
  await trainer.write(second.request.id, { ...newProgress, status: 'succeeded' });
  const third = await jobs.create('a', orderOf(file));
  const ids = (await jobs.list('a', all)).items.map(({ request }) => request.id);
  assert.deepEqual(ids, [third.request.id, first.request.id]);
  assert.deepEqual(readdirSync(layout.jobs).sort(), [...ids].sort());
});

test('what has ended by itself is not cancelled; what is cancelled stays so', async () => {
  const layout = newLayout();
  const jobs = await open(layout);
  const file = await upload(jobs);
  const { request } = await jobs.create('a', orderOf(file));
  await new JobStore(layout.jobs).write(request.id, { ...newProgress, status: 'failed' });
  await assert.rejects(jobs.cancel('a', request.id), /has failed already/);
  const other = await jobs.create('a', orderOf(file));
  for (let times = 0; times < 2; times++) {
    assert.equal(statusOf(await jobs.cancel('a', other.request.id)), 'cancelled');
  }
});

test('pages follow each other without gap or overlap, and an unknown place is refused', async () => {
  const jobs = await open(newLayout());
  const file = await upload(jobs);
  const made: string[] = [];
  for (let i = 0; i < 5; i++) made.unshift((await jobs.create('a', orderOf(file))).request.id);
  const seen: string[] = [];
  for (let after: string | null = null, hasMore = true; hasMore; ) {
    const page = await jobs.list('a', { after, limit: 2 });
    seen.push(...page.items.map(({ request }) => request.id));
    after = seen.at(-1)!;
    hasMore = page.hasMore;
  }
  assert.deepEqual(seen, made);
  await assert.rejects(jobs.list('a', { after: 'ftjob-x', limit: 2 }), codeIs('invalid_argument', 'after'));
});
