import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newJobId } from './ids.ts';
import { type JobRequest, newProgress, statusOf } from './job.ts';
import { JobStore } from './job-store.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-job-store-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolder = (): string => join(root, String(numFolders++));

const requestOf = (createdMs: number): JobRequest => ({
  id: newJobId(),
  tenant: 'a',
  createdMs,
  model: 'm',
  trainingFile: `file-${'0'.repeat(32)}`,
  validationFile: null,
  suffix: '',
  seed: 1,
  method: 'supervised',
  hyperparameters: { numEpochs: 1, batchSize: 'auto', rateMultiplier: 'auto', beta: 'auto' },
  metadata: null,
});

test('what one side writes the other reads', async () => {
  const folder = newFolder();
  const [server, trainer] = [new JobStore(folder), new JobStore(folder)];
  const request = requestOf(1);
  await server.create(request);
  assert.deepEqual(await trainer.read(request.id), { request, progress: null, isCancelled: false });
  const progress = { ...newProgress, status: 'running' as const, numDone: 3 };
  await trainer.write(request.id, progress);
  assert.deepEqual((await server.read(request.id))!.progress, progress);
  await server.cancel(request.id);
  assert.equal(await trainer.isCancelled(request.id), true);
});

test('jobs that have not ended come in the order in which they were asked for', async () => {
  const store = new JobStore(newFolder());
  const requests = [3, 1, 2].map(requestOf);
  for (const request of requests) await store.create(request);
  const idsOf = async (): Promise<string[]> => (await store.pending()).map(({ request }) => request.id);
  const [third, first, second] = requests.map(({ id }) => id) as [string, string, string];
  assert.deepEqual(await idsOf(), [first, second, third]);
  await store.write(first, { ...newProgress, status: 'failed' });
  await store.cancel(second);
  assert.deepEqual(await idsOf(), [second, third], 'a cancelled one is the trainer’s until it has noticed');
  assert.deepEqual(
    (await store.requests()).map(({ createdMs }) => createdMs),
    [1, 2, 3],
  );
});

test('a promised cancellation holds, even against a success in the same moment', async () => {
  const store = new JobStore(newFolder());
  const request = requestOf(1);
  await store.create(request);
  assert.equal(statusOf((await store.read(request.id))!), 'queued');
  await store.cancel(request.id);
  await store.write(request.id, { ...newProgress, status: 'succeeded' });
  assert.equal(statusOf((await store.read(request.id))!), 'cancelled');
});

test('what a crash has left of jobs that never were is swept, and nothing else', async () => {
  const folder = newFolder();
  const store = new JobStore(folder);
  const request = requestOf(1);
  await store.create(request);
  const half = join(folder, newJobId());
  mkdirSync(half);
  writeFileSync(join(half, 'job.json.writing'), '{"id"');
  writeFileSync(join(folder, 'notes.txt'), 'not ours');
  assert.equal((await store.requests()).length, 1);
  await store.sweep();
  assert.equal(existsSync(half), false);
  assert.deepEqual(readdirSync(folder).sort(), [request.id, 'notes.txt'].sort());
});

test('no id leads out of the folder', async () => {
  const store = new JobStore(newFolder());
  for (const id of ['../x', 'ftjob-1', '', `ftjob-${'0'.repeat(31)}/`]) {
    await assert.rejects(async () => store.read(id), /not checked/, id);
  }
});
