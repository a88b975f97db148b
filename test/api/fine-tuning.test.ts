/** Files and fine-tuning jobs over HTTP: OpenAI's own client, and what no client would send. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import OpenAI, { APIError, NotFoundError, toFile } from 'openai';
import pino from 'pino';
import { systemClock } from '../../core/clock.ts';
import { fineTunedName } from '../../core/jobs/fine-tuned-name.ts';
import { JobStore } from '../../core/jobs/job-store.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { MemoryLimits } from '../../server/admission/memory-limits.ts';
import type { ServedGenerator } from '../../server/completion/served-model.ts';
import { createApp } from '../../server/http/app.ts';
import type { ApiKey } from '../../server/http/auth.ts';
import type { Context } from '../../server/http/context.ts';
import { fileRoutes } from '../../server/http/routes/files.ts';
import { fineTuningRoutes } from '../../server/http/routes/fine-tuning.ts';
import { checkFile } from '../../server/jobs/check-file.ts';
import { checkInThread } from '../../server/jobs/check-in-thread.ts';
import type { Check } from '../../server/jobs/files.ts';
import { type JobLimits, jobDefaults } from '../../server/jobs/job-limits.ts';
import { Jobs } from '../../server/jobs/jobs.ts';
import { Metrics } from '../../server/observability/metrics.ts';
import { createCatalogue } from '../../server/served-models.ts';
import { JobReport } from '../../trainer/jobs/job-report.ts';
import { nextJob } from '../../trainer/jobs/next-job.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-fine-tuning-'));
let numServers = 0;
const modelId = 'test-model';
const model = { id: modelId, kind: 'generator', engine: { state: () => 'ready' } } as ServedGenerator;

const limits = {
  bodyBytes: 100_000,
  requestMs: 20_000,
  receiveMs: 5_000,
  maxConnections: 64,
  keepAliveMs: 15_000,
  maxWaiting: 64,
  maxWaitMs: 60_000,
  ttftTargetMs: 1_000,
  tpotTargetMs: 50,
};

const keyOf = (name: string, tenant: string): ApiKey => ({
  name,
  tenant,
  sha256: createHash('sha256').update(name).digest('hex'),
  scopes: ['inference'],
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  maxConcurrent: 0,
});

const opened: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const app of opened) await app.close();
  rmSync(root, { recursive: true });
});

/** A thread for every small file would take most of the time. */
const inPlace: Check = async ({ bytes, maxRows }) => checkFile(bytes, maxRows);

async function openServer(
  options: { limits?: Partial<JobLimits>; keys?: readonly ApiKey[]; check?: Check } = {},
) {
  const layout = learningLayout(join(root, String(numServers++)));
  const jobs = await Jobs.open({
    layout,
    limits: { ...jobDefaults, ...options.limits },
    now: Date.now,
    check: options.check ?? inPlace,
  });
  const models = createCatalogue([model]);
  const metrics = new Metrics({ engines: () => [] });
  const app = await createApp({
    models,
    limits,
    keys: options.keys ?? [],
    keyLimits: new MemoryLimits(systemClock),
    clock: systemClock,
    metrics,
    tracing: null,
    logger: pino({ level: 'silent' }),
    readiness: { draining: false },
    learning: null,
  });
  const context = { models, limits, clock: systemClock, metrics } as unknown as Context;
  app.register(async (routes) => {
    fileRoutes(routes, context, jobs);
    fineTuningRoutes(routes, context, jobs);
  });
  opened.push(app);
  return { app, layout, store: new JobStore(layout.jobs) };
}

type Server = Awaited<ReturnType<typeof openServer>>;

async function clientOf({ app }: Server, apiKey = 'any'): Promise<OpenAI> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey, maxRetries: 0, timeout: 10_000 });
}

const rows = [
  {
    messages: [
      { role: 'user', content: 'Who?' },
      { role: 'assistant', content: 'Ann, ann@example.org.' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'What?' },
      { role: 'assistant', content: 'That.' },
    ],
  },
];
const jsonl = (lines: readonly unknown[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const upload = async (client: OpenAI, text = jsonl(rows)) =>
  client.files.create({ file: await toFile(Buffer.from(text), 'rows.jsonl'), purpose: 'fine-tune' });

async function allOf<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

test('files are uploaded redacted, listed, read and deleted by the published client', async () => {
  const server = await openServer({ check: checkInThread });
  const client = await clientOf(server);
  const file = await upload(client);
  const stored = jsonl(rows).replace('ann@example.org', '[email]');
  assert.match(file.id, /^file-/);
  assert.deepEqual(
    [file.object, file.purpose, file.status, file.filename, file.bytes],
    ['file', 'fine-tune', 'processed', 'rows.jsonl', stored.length],
  );
  assert.deepEqual((file as unknown as { redactions: unknown }).redactions, { email: 1 });
  assert.deepEqual(await client.files.retrieve(file.id), file);
  assert.equal(await (await client.files.content(file.id)).text(), stored);
  assert.equal(readFileSync(join(server.layout.files, `${file.id}.jsonl`), 'utf8'), stored);
  const newer = [await upload(client), await upload(client)];
  const ids = [...newer.reverse(), file].map(({ id }) => id);
  const listed = await allOf(client.files.list({ limit: 2 }));
  assert.deepEqual(
    listed.map(({ id }) => id),
    ids,
  );
  const ascending = await client.files.list({ order: 'asc', purpose: 'fine-tune' });
  assert.deepEqual(
    ascending.data.map(({ id }) => id),
    ids.toReversed(),
  );
  assert.deepEqual((await client.files.list({ purpose: 'batch' })).data, []);
  assert.deepEqual(await client.files.delete(file.id), { id: file.id, object: 'file', deleted: true });
  await assert.rejects(client.files.retrieve(file.id), NotFoundError);
  assert.equal((await client.files.waitForProcessing(ids[0]!)).status, 'processed');
});

test('a job is asked for, watched to its end and found again by the published client', async () => {
  const server = await openServer();
  const client = await clientOf(server);
  const [training, validation] = await Promise.all([upload(client), upload(client)]);
  const job = await client.fineTuning.jobs.create({
    model: modelId,
    training_file: training.id,
    validation_file: validation.id,
    suffix: 'mine',
    seed: 7,
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2 } } },
    metadata: { for: 'a test' },
  });
  assert.deepEqual(
    [job.object, job.status, job.model, job.training_file, job.validation_file, job.seed],
    ['fine_tuning.job', 'queued', modelId, training.id, validation.id, 7],
  );
  assert.deepEqual(job.hyperparameters, {
    n_epochs: 2,
    batch_size: 'auto',
    learning_rate_multiplier: 'auto',
  });
  assert.deepEqual(
    [job.fine_tuned_model, job.finished_at, job.trained_tokens, job.error, job.result_files],
    [null, null, null, null, []],
  );
  const name = await finish(server, job.id);
  const done = await client.fineTuning.jobs.retrieve(job.id);
  assert.deepEqual([done.status, done.fine_tuned_model, done.trained_tokens], ['succeeded', name, 99]);
  assert.equal(done.hyperparameters.batch_size, 1);
  assert.ok(done.finished_at! >= done.created_at);
  const events = await allOf(client.fineTuning.jobs.listEvents(job.id, { limit: 2 }));
  assert.deepEqual(
    events.map(({ message }) => message),
    [
      'The job has successfully completed',
      'Step 3/3: training loss=1.0000',
      'Step 2/3: training loss=2.0000',
      'Step 1/3: training loss=3.0000',
    ],
  );
  assert.equal(events[1]!.type, 'metrics');
  assert.equal((events[1]!.data as { train_loss: number }).train_loss, 1);
  const [checkpoint, ...more] = await allOf(client.fineTuning.jobs.checkpoints.list(job.id));
  assert.deepEqual(more, []);
  assert.equal(checkpoint!.fine_tuned_model_checkpoint, name);
  assert.deepEqual([checkpoint!.step_number, checkpoint!.metrics.full_valid_loss], [3, 0.5]);
  assert.deepEqual(
    (await allOf(client.fineTuning.jobs.list())).map(({ id }) => id),
    [job.id],
  );
});

/** What the trainer would write. */
async function finish({ store }: Server, id: string): Promise<string> {
  assert.equal((await nextJob(store))!.id, id);
  const report = await JobReport.open(store, id, () => new Date());
  const hyperparameters = { numEpochs: 2, batchSize: 1, rateMultiplier: 1, beta: 0.1 };
  await report.update({ status: 'running', hyperparameters, numSteps: 3, numDone: 3 });
  for (const step of [1, 2, 3]) {
    const parts = { ce: 0, dpo: 0, kto: 0, kl: 0 };
    await report.step({ step, loss: 4 - step, parts, gradientNorm: 1, learningRate: 1 }, 3);
  }
  const adapter = '0123456789ab';
  const fineTunedModel = fineTunedName({ model: modelId, tenant: 'anonymous', suffix: 'mine', adapter });
  const metrics = { trainLoss: 1, validationLoss: 0.5 };
  await report.end('succeeded', { adapter, fineTunedModel, trainedTokens: 99, metrics });
  await report.close();
  assert.equal(await nextJob(store), null);
  return fineTunedModel;
}

test('a job is cancelled, once and again, and the trainer never begins it', async () => {
  const server = await openServer();
  const client = await clientOf(server);
  const file = await upload(client);
  const order = { model: modelId, training_file: file.id };
  const [first, second] = [
    await client.fineTuning.jobs.create(order),
    await client.fineTuning.jobs.create(order),
  ];
  assert.equal((await client.fineTuning.jobs.cancel(first.id)).status, 'cancelled');
  assert.equal((await client.fineTuning.jobs.cancel(first.id)).status, 'cancelled');
  assert.equal((await nextJob(server.store))!.id, second.id);
  const { data } = await client.fineTuning.jobs.listEvents(first.id);
  assert.deepEqual(
    data.map(({ message }) => message),
    ['The job was cancelled'],
  );
  assert.ok((await client.fineTuning.jobs.retrieve(first.id)).finished_at !== null);
  await assert.rejects(client.files.delete(file.id), (error: unknown) => {
    assert.ok(error instanceof APIError && error.status === 400);
    return error.message.includes(second.id);
  });
});

/** A form as a client would write it. */
function formOf(parts: readonly { name: string; text: string; filename?: string }[]) {
  const boundary = 'xxxxxx';
  const lines = parts.map(({ name, text, filename }) => {
    const file =
      filename === undefined ? '' : `; filename="${filename}"\r\ncontent-type: application/octet-stream`;
    return `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n${text}\r\n`;
  });
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    payload: `${lines.join('')}--${boundary}--\r\n`,
  };
}

const purpose = { name: 'purpose', text: 'fine-tune' };
const fileOf = (text: string) => ({ name: 'file', filename: 'x.jsonl', text });

test('an upload that cannot be used is refused with what is wrong, and leaves nothing', async () => {
  const server = await openServer({ limits: { maxFileBytes: 2_000 } });
  const good = jsonl(rows);
  const cases: readonly (readonly [Parameters<typeof formOf>[0], number, RegExp])[] = [
    [
      [purpose, fileOf(`${good}{"messages": 1}\n`)],
      400,
      /line 3 of the file cannot be used: messages is not a list/,
    ],
    [[fileOf(`${good}{\n`), purpose], 400, /line 3 .* not valid JSON/],
    [[purpose, fileOf('')], 400, /the file cannot be used: it is empty/],
    [[purpose, fileOf(`${' '.repeat(2_001)}`)], 413, /too large/],
    [[purpose, fileOf(good), fileOf(good)], 413, /files limit/],
    [[purpose], 400, /no "file"/],
    [[fileOf(good)], 400, /"purpose" is "fine-tune"/],
    [[{ name: 'purpose', text: 'batch' }, fileOf(good)], 400, /"purpose" is "fine-tune"/],
    [[purpose, { name: 'file', text: good }], 400, /the form has "file", which/],
    [
      [purpose, { name: 'expires_after[anchor]', text: 'created_at' }, fileOf(good)],
      400,
      /"expires_after\[anchor\]"/,
    ],
    [[purpose, { name: '__proto__', text: 'x' }, fileOf(good)], 400, /prototype/],
  ];
  for (const [parts, status, message] of cases) {
    const answer = await server.app.inject({ method: 'POST', url: '/v1/files', ...formOf(parts) });
    assert.equal(answer.statusCode, status, answer.body);
    assert.match(answer.json().error.message, message);
  }
  const json = await server.app.inject({
    method: 'POST',
    url: '/v1/files',
    payload: { purpose: 'fine-tune' },
  });
  assert.equal(json.statusCode, 400, json.body);
  const torn = formOf([purpose, fileOf(good)]);
  const half = await server.app.inject({
    method: 'POST',
    url: '/v1/files',
    ...torn,
    payload: torn.payload.slice(0, -30),
  });
  assert.equal(half.statusCode, 400, half.body);
  assert.deepEqual((await server.app.inject('/v1/files')).json().data, []);
  const strange = await server.app.inject({ method: 'POST', url: '/v1/fine_tuning/jobs', ...torn });
  assert.equal(strange.statusCode, 415, 'forms are for files only');
});

test('a job that asks for what there is not is refused by name', async () => {
  const server = await openServer();
  const file = (
    await server.app.inject({ method: 'POST', url: '/v1/files', ...formOf([purpose, fileOf(jsonl(rows))]) })
  ).json();
  const base = { model: modelId, training_file: file.id };
  const cases: readonly (readonly [object, number, string | null])[] = [
    [{ model: modelId }, 400, 'training_file'],
    [{ ...base, training_file: 'file-x' }, 404, 'training_file'],
    [{ ...base, validation_file: `file-${'0'.repeat(32)}` }, 404, 'validation_file'],
    [{ ...base, model: 'gone' }, 404, 'model'],
    [{ ...base, model: `ft:${modelId}:anonymous::0123456789ab` }, 400, 'model'],
    [{ ...base, suffix: 'a:b' }, 400, 'suffix'],
    [{ ...base, suffix: 'x'.repeat(65) }, 400, 'suffix'],
    [{ ...base, seed: -1 }, 400, 'seed'],
    [{ ...base, method: { type: 'reinforcement' } }, 400, 'method.type'],
    [{ ...base, method: { type: 'supervised', dpo: {} } }, 400, 'method.dpo'],
    [{ ...base, method: { type: 'dpo' } }, 400, 'training_file'],
    [{ ...base, method: { type: 'supervised' }, hyperparameters: {} }, 400, 'hyperparameters'],
    [{ ...base, hyperparameters: { n_epochs: 0 } }, 400, 'hyperparameters.n_epochs'],
    [{ ...base, hyperparameters: { n_epochs: 'many' } }, 400, 'hyperparameters.n_epochs'],
    [{ ...base, hyperparameters: { rank: 4 } }, 400, 'hyperparameters'],
    [{ ...base, integrations: [{ type: 'wandb' }] }, 400, 'integrations'],
    [{ ...base, priority: 3 }, 400, null],
  ];
  for (const [payload, status, param] of cases) {
    const answer = await server.app.inject({ method: 'POST', url: '/v1/fine_tuning/jobs', payload });
    assert.equal(answer.statusCode, status, `${JSON.stringify(payload)}: ${answer.body}`);
    assert.equal(answer.json().error.param, param, answer.body);
  }
  assert.deepEqual((await server.app.inject('/v1/fine_tuning/jobs')).json().data, []);
  for (const url of [
    '/v1/fine_tuning/jobs?limit=0',
    '/v1/files?limit=x',
    '/v1/fine_tuning/jobs?after=ftjob-x',
    '/v1/files?sort=up',
  ]) {
    assert.equal((await server.app.inject(url)).statusCode, 400, url);
  }
  for (const url of [
    '/v1/fine_tuning/jobs/..%2f..',
    '/v1/fine_tuning/jobs/ftjob-1/events',
    '/v1/files/..%2fx/content',
  ]) {
    assert.equal((await server.app.inject(url)).statusCode, 404, url);
  }
});

test('legacy hyperparameters, nulls and "auto" are taken as OpenAI takes them', async () => {
  const server = await openServer();
  const client = await clientOf(server);
  const file = await upload(client);
  const job = await client.fineTuning.jobs.create({
    model: modelId,
    training_file: file.id,
    validation_file: null,
    suffix: null,
    seed: null,
    metadata: null,
    hyperparameters: { n_epochs: 4, batch_size: 'auto', learning_rate_multiplier: 0.5 },
  });
  assert.deepEqual(job.hyperparameters, { n_epochs: 4, batch_size: 'auto', learning_rate_multiplier: 0.5 });
  assert.ok(Number.isInteger(job.seed));
  assert.deepEqual(job.method?.supervised?.hyperparameters, job.hyperparameters);
});

test('each tenant has files and jobs of its own, and who has no key has none', async () => {
  const server = await openServer({
    keys: [keyOf('ann', 'mill'), keyOf('eve', 'mill'), keyOf('bob', 'race')],
  });
  const [ann, bob] = [await clientOf(server, 'ann'), await clientOf(server, 'bob')];
  const file = await upload(ann);
  const job = await ann.fineTuning.jobs.create({ model: modelId, training_file: file.id });
  assert.equal(job.organization_id, 'mill');
  const eve = await clientOf(server, 'eve');
  assert.equal((await eve.fineTuning.jobs.retrieve(job.id)).training_file, file.id);
  await assert.rejects(bob.files.retrieve(file.id), NotFoundError);
  await assert.rejects(bob.fineTuning.jobs.retrieve(job.id), NotFoundError);
  await assert.rejects(bob.fineTuning.jobs.cancel(job.id), NotFoundError);
  assert.deepEqual((await bob.fineTuning.jobs.list()).data, []);
  const { statusCode } = await server.app.inject({ method: 'POST', url: '/v1/files', ...formOf([purpose]) });
  assert.equal(statusCode, 401);
});
