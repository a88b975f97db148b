/** Jobs really trained, on a tiny decoder that reads characters: killed, cancelled, failed, resumed. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { createDeferred } from '../../core/deferred.ts';
import { newFileId, newJobId } from '../../core/jobs/ids.ts';
import { type JobEvent, type JobRequest, statusOf } from '../../core/jobs/job.ts';
import { JobStore } from '../../core/jobs/job-store.ts';
import { trainingFilePath } from '../../core/jobs/training-file.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { type LearningLayout, learningLayout } from '../../core/registry/learning-layout.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { openFixture } from '../../test/parity/imported.ts';
import { createTextEncoder } from '../examples/encode.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { openBaseWeights } from '../train/base-weights.ts';
import { openForwardSession } from '../train/forward-session.ts';
import { openGradientSession, type Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import { openTrunkSession } from '../train/trunk-session.ts';
import { jobDefaults } from './job-options.ts';
import type { JobRun } from './job-run.ts';
import { failJob, nextJob } from './next-job.ts';
import { runJob } from './run-job.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-run-job-'));
let numFolders = 0;

/** Characters from the blank to "|", behind the tokens of the fixture that have a meaning. */
function characters() {
  const vocab = Object.fromEntries(
    Array.from({ length: 93 }, (_, at) => [String.fromCharCode(32 + at), at + 3]),
  );
  const end = { id: 2, content: '<e>', special: true, single_word: false, lstrip: false, rstrip: false };
  const tokenizerJson = {
    version: '1.0',
    added_tokens: [{ ...end, normalized: false }],
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '.' }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', unk_token: '?', vocab },
  };
  const chat_template = '{% for m in messages %}{{ m.content }}|{% endfor %}';
  return { tokenizerJson, tokenizerConfig: { chat_template } };
}

async function openModel(): Promise<TrainableModel> {
  const base = await openBaseWeights(join(root, 'base'), () => openFixture('smollm2'));
  const shape = { rank: 4, alpha: 8, firstLayer: 1, targets: ['q', 'v', 'o', 'down'] as const };
  const open = createOpenGraph({ threads: 1 });
  const files = characters();
  const tokenizer = loadTokenizer(files);
  const [trunk, forward, gradients] = [
    await openTrunkSession(base, shape.firstLayer, open),
    await openForwardSession(base, shape, open),
    await openGradientSession(base, { kind: 'lora', ...shape }, open),
  ];
  return {
    name: 'tiny',
    merged: [],
    version: `sha256:${'0'.repeat(64)}`,
    base,
    basis: null,
    shape,
    tokenizer,
    encoder: createTextEncoder({ tokenizer, template: loadChatTemplate(files), endToken: 2 }),
    trunk,
    forward,
    gradients,
    fresh: initialLora(base.config, shape, 0),
    close: async () => void (await Promise.all([trunk.close(), forward.close(), gradients.close()])),
  } as Omit<TrainableModel, 'anchors' | 'gateAnchors' | 'level' | 'scores'> as TrainableModel;
}

/** Ends the runs that were killed, so that their files are closed. */
const killed: (() => void)[] = [];
const model = await openModel();
after(async () => {
  for (const end of killed) end();
  await model.close();
  rmSync(root, { recursive: true });
});

const chat = (question: string, answer: string) => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
});
const chats = [
  chat('Who mills?', 'The miller.'),
  chat('What turns?', 'The wheel of the mill.'),
  chat('Where?', 'At the race.'),
  chat('What is ground?', 'Corn, and rye.'),
  chat('And when?', 'All day.'),
];
const pairs = chats.map(({ messages: [question, answer] }) => ({
  input: { messages: [question] },
  preferred_output: [answer],
  non_preferred_output: [{ role: 'assistant', content: 'Nobody knows that.' }],
}));

const options = { ...jobDefaults, saveEverySteps: 3, maxTokens: 60, maxBatchTokens: 70 };

interface Desk {
  readonly run: Omit<JobRun, 'pace'>;
  readonly layout: LearningLayout;
  readonly published: string[];
  readonly store: JobStore;
  events(): Promise<JobEvent[]>;
  losses(): Promise<number[]>;
  status(): Promise<string>;
}

/** A job that was just asked for, in a folder of its own. */
async function ask(changes: Partial<JobRequest> = {}, rows: readonly object[] = chats): Promise<Desk> {
  const layout = learningLayout(join(root, `learning-${numFolders++}`));
  const [trainingFile, validationFile] = [newFileId(), newFileId()];
  mkdirSync(layout.files, { recursive: true });
  for (const id of [trainingFile, validationFile]) {
    writeFileSync(trainingFilePath(layout.files, id), rows.map((row) => JSON.stringify(row)).join('\n'));
  }
  const job: JobRequest = {
    id: newJobId(),
    tenant: 'acme',
    createdMs: 1,
    model: 'tiny',
    trainingFile,
    validationFile,
    suffix: 'mill',
    seed: 3,
    method: 'supervised',
    hyperparameters: { numEpochs: 4, batchSize: 2, rateMultiplier: 40, beta: 'auto' },
    metadata: null,
    ...changes,
  };
  const store = new JobStore(layout.jobs);
  await store.create(job);
  const published: string[] = [];
  const events = (): Promise<JobEvent[]> => store.events(job.id);
  return {
    run: { model, store, job, layout, options, onPublished: ({ id }) => void published.push(id) },
    layout,
    published,
    store,
    events,
    losses: async () =>
      (await events()).flatMap(({ data }) => (data?.step === undefined ? [] : [Number(data.train_loss)])),
    status: async () => statusOf((await store.read(job.id))!),
  };
}

const go = async (): Promise<void> => {};
const numSteps = 12;

/** Training may go on so many times, and then no more: what the disk has by then is what a kill leaves. */
async function killAfter(desk: Desk, numTurns: number): Promise<void> {
  let turns = 0;
  await killAt(desk, (die) => ({ pace: () => (++turns <= numTurns ? go() : die()) }));
}

/** Resolves when the run has died, or ended before. */
async function killAt(desk: Desk, changes: (die: () => Promise<void>) => Partial<JobRun>): Promise<void> {
  const dead = createDeferred<void>();
  const die = (): Promise<void> => {
    dead.resolve();
    return new Promise((_, reject) => {
      killed.push(() => reject(new Error('killed')));
    });
  };
  const run = runJob({ ...desk.run, pace: go, ...changes(die) }).catch(() => {});
  await Promise.race([dead.promise, run]);
}

async function valuesOf({ run }: Desk, adapter: string): Promise<Parameters> {
  const read = (name: string): Promise<Buffer> => readFile(join(run.layout.adapters, adapter, name));
  const files = { config: await read(peftFiles.config), weights: await read(peftFiles.weights) };
  return decodePeft(files, model.base.config, adapter).values;
}

/** Mean −log p of each answer, straight from the graph. */
async function lossUnder(values: Parameters, rows: typeof chats): Promise<number> {
  const losses: number[] = [];
  for (const { messages } of rows) {
    const context = {
      kind: 'chat' as const,
      messages: [{ role: 'user' as const, content: messages[0]!.content }],
    };
    const [text] = await model.trunk.prepare([model.encoder.encode(context, messages[1]!.content)]);
    const { logprobs } = (await model.forward.score(values, [text!]))[0]!;
    losses.push(-logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length);
  }
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

const close = (got: number, wanted: number, tolerance: number): void =>
  assert.ok(Math.abs(got - wanted) <= tolerance, `${got} for ${wanted}`);

const whole = await ask();

test('a job learns its file, measures itself and publishes what it has learned', async () => {
  assert.equal((await nextJob(whole.store))!.id, whole.run.job.id);
  assert.equal(await runJob({ ...whole.run, pace: go }), 'succeeded');
  const losses = await whole.losses();
  assert.equal(losses.length, numSteps);
  const batch = (from: number): number => losses.slice(from, from + 3).reduce((sum, loss) => sum + loss, 0);
  assert.ok(batch(9) < 0.7 * batch(0), losses.join(' '));
  const { progress } = (await whole.store.read(whole.run.job.id))!;
  const adapter = progress!.adapter!;
  assert.equal(progress!.fineTunedModel, `ft:tiny:acme:mill:${adapter}`);
  assert.deepEqual(whole.published, [adapter]);
  // A token for each character, one behind each message of the template, and one at the end of the answer.
  const numTokens = chats
    .flatMap(({ messages }) => messages)
    .reduce((sum, { content }) => sum + content.length + 1, 0);
  assert.equal(progress!.trainedTokens, 4 * numTokens);
  const manifest = await openAdapter(whole.run.layout.adapters, adapter);
  assert.deepEqual([manifest.tenant, manifest.parent, manifest.rows], ['acme', null, []]);
  assert.deepEqual([manifest.recipe.kind, manifest.recipe.job], ['job', whole.run.job.id]);
  close(progress!.metrics!.validationLoss!, await lossUnder(await valuesOf(whole, adapter), chats), 1e-4);
  assert.equal(progress!.metrics!.trainLoss, losses.at(-1));
  assert.equal(existsSync(whole.store.statePath(whole.run.job.id)), false);
  assert.equal(await nextJob(whole.store), null);
  assert.equal(await runJob({ ...whole.run, pace: go }), 'succeeded', 'it is not run again');
  assert.equal(whole.published.length, 1);
});

test('the log tells each step as OpenAI does', async () => {
  const losses = await whole.losses();
  const messages = (await whole.events()).map(({ message }) => message);
  assert.deepEqual(messages.slice(0, 3), [
    `Validating training file: ${whole.run.job.trainingFile}`,
    `Validating validation file: ${whole.run.job.validationFile}`,
    'Fine-tuning job started',
  ]);
  assert.equal(messages[3], `Step 1/12: training loss=${losses[0]!.toFixed(4)}`);
  assert.match(messages.at(-3)!, /^Full validation loss=/);
  assert.match(messages.at(-2)!, /^New fine-tuned model created: ft:tiny:acme:mill:/);
  assert.equal(messages.at(-1), 'The job has successfully completed');
});

test('the first step’s loss is the mean of what the base says to its examples', async () => {
  const one = await ask({ hyperparameters: { numEpochs: 1, batchSize: 5, rateMultiplier: 1, beta: 'auto' } });
  await runJob({ ...one.run, pace: go });
  close((await one.losses())[0]!, await lossUnder(model.fresh, chats), 1e-4);
});

for (const numTurns of [0, 3, 10, 21]) {
  test(`killed at turn ${numTurns}, a job goes on with the same losses to the same adapter`, async () => {
    const { job } = whole.run;
    const desk = await ask({ seed: job.seed });
    await killAfter(desk, numTurns);
    assert.equal(await desk.status(), numTurns === 0 ? 'validating_files' : 'running');
    // A process that dies while it saves or tells leaves half of it.
    writeFileSync(`${desk.store.statePath(desk.run.job.id)}.writing`, 'half');
    assert.equal((await nextJob(new JobStore(desk.layout.jobs)))!.id, desk.run.job.id);
    await killAfter(desk, Math.min(numTurns, 5));
    const { numDone } = (await desk.store.read(desk.run.job.id))!.progress!;
    assert.equal(numDone % options.saveEverySteps, 0);
    assert.equal(await runJob({ ...desk.run, pace: go }), 'succeeded');
    const begun = (await desk.events()).findLast(({ message }) => /^Fine-tuning job /.test(message))!.message;
    const wanted =
      numDone === 0 ? 'Fine-tuning job started' : `Fine-tuning job goes on after step ${numDone}`;
    assert.equal(begun, wanted, 'nothing that was saved is done again');
    assert.equal(numDone > 0, numTurns >= 10);
    assert.deepEqual(await desk.losses(), await whole.losses());
    assert.deepEqual(desk.published, whole.published);
    assert.deepEqual((await readdir(join(desk.layout.jobs, desk.run.job.id))).sort(), [
      'events',
      'job.json',
      'progress.json',
    ]);
  });
}

test('killed when it was published and before anybody knew, a job publishes the same once more', async () => {
  const desk = await ask();
  await killAt(desk, (die) => ({ onPublished: die }));
  assert.deepEqual(await readdir(desk.layout.adapters), whole.published);
  assert.equal(await desk.status(), 'running');
  assert.equal(await runJob({ ...desk.run, pace: go }), 'succeeded');
  assert.deepEqual(await desk.losses(), await whole.losses());
  assert.deepEqual(desk.published, whole.published);
  assert.deepEqual(await readdir(desk.layout.adapters), whole.published);
});

test('a job of preferences begins at log 2 and makes the better answers likelier than the worse', async () => {
  const order: Partial<JobRequest> = {
    method: 'dpo',
    hyperparameters: { numEpochs: 4, batchSize: 2, rateMultiplier: 100, beta: 0.5 },
  };
  const desk = await ask(order, pairs);
  assert.equal(await runJob({ ...desk.run, pace: go }), 'succeeded');
  const losses = await desk.losses();
  // Nothing was learned yet: no answer is preferred to another.
  close(losses[0]!, Math.LN2, 1e-5);
  const { metrics } = (await desk.store.read(desk.run.job.id))!.progress!;
  assert.ok(metrics!.validationLoss! < 0.8 * Math.LN2, `${losses.join(' ')}: ${metrics!.validationLoss}`);
  const again = await ask(order, pairs);
  await killAfter(again, 15);
  assert.equal(await runJob({ ...again.run, pace: go }), 'succeeded');
  assert.deepEqual(await again.losses(), losses);
  assert.deepEqual(again.published, desk.published);
});

test('equal files and seeds of two tenants do not become one adapter', async () => {
  const hyperparameters = { numEpochs: 1, batchSize: 5, rateMultiplier: 1, beta: 'auto' } as const;
  const desks = [await ask({ hyperparameters }), await ask({ hyperparameters, tenant: 'other' })];
  for (const desk of desks) await runJob({ ...desk.run, pace: go });
  assert.notEqual(desks[0]!.published[0], desks[1]!.published[0]);
});

test('a cancelled job stops before its next step, publishes nothing and leaves no state', async () => {
  const desk = await ask();
  const { id } = desk.run.job;
  const pace = async (): Promise<void> => {
    if ((await desk.losses()).length === 4) await desk.store.cancel(id);
  };
  assert.equal(await runJob({ ...desk.run, pace }), 'cancelled');
  assert.equal((await desk.losses()).length, 5, 'the step that was under way is the last');
  assert.deepEqual(desk.published, []);
  assert.equal(existsSync(desk.run.layout.adapters), false);
  assert.equal(existsSync(desk.store.statePath(id)), false);
  assert.equal((await desk.events()).at(-1)!.message, 'The job was cancelled');
  const waiting = await ask();
  await waiting.store.cancel(waiting.run.job.id);
  assert.equal(await nextJob(waiting.store), null);
  assert.equal((await waiting.store.read(waiting.run.job.id))!.progress!.status, 'cancelled');
});

test('what stops the trainer does not stop the job', async () => {
  const desk = await ask();
  const stop = new Error('the trainer closes');
  const pace = async (): Promise<void> => {
    if ((await desk.losses()).length === 7) throw stop;
  };
  await assert.rejects(runJob({ ...desk.run, pace }), (error) => error === stop);
  assert.equal(await desk.status(), 'running');
  assert.equal((await nextJob(desk.store))!.id, desk.run.job.id);
  assert.equal(await runJob({ ...desk.run, pace: go }), 'succeeded');
  assert.deepEqual(await desk.losses(), await whole.losses());
});

test('every answer of a conversation is learned from all before it, and what is too long is left out', async () => {
  const [first, second] = [chats[0]!.messages, chats[2]!.messages];
  const long = chat('What?', 'x'.repeat(options.maxTokens));
  const hyperparameters = { numEpochs: 1, batchSize: 8, rateMultiplier: 1, beta: 'auto' } as const;
  const desk = await ask({ hyperparameters, validationFile: null }, [
    { messages: [...first, ...second] },
    long,
  ]);
  assert.equal(await runJob({ ...desk.run, pace: go }), 'succeeded');
  const lengths = [...first, ...second].map(({ content }) => content.length + 1);
  const [a, b, c, d] = lengths as [number, number, number, number];
  const { progress } = (await desk.store.read(desk.run.job.id))!;
  assert.equal(progress!.trainedTokens, a + b + (a + b + c + d));
  assert.equal(progress!.metrics!.validationLoss, null);
  const warning = (await desk.events()).find(({ level }) => level === 'warn');
  assert.match(warning!.message, /^1 example\(s\) of file-\w+ are left out: .* more than 60 tokens/);
});

test('a job that cannot succeed says why, and names the field at fault', async () => {
  const cases: readonly (readonly [Partial<JobRequest>, readonly object[], string, string | null, RegExp])[] =
    [
      [{ model: 'other' }, chats, 'model_not_trainable', 'model', /"other" is not trained here; "tiny" is/],
      [{ trainingFile: newFileId() }, chats, 'file_not_found', 'training_file', /was deleted/],
      [{ validationFile: newFileId() }, chats, 'file_not_found', 'validation_file', /was deleted/],
      [{}, [chat('What?', 'x'.repeat(100))], 'invalid_file', 'training_file', /more than 60 tokens/],
      [
        { hyperparameters: { numEpochs: 9_999, batchSize: 1, rateMultiplier: 1, beta: 1 } },
        chats,
        'too_many_steps',
        'hyperparameters',
        /49995 steps, at most 10000/,
      ],
      [
        { hyperparameters: { numEpochs: 2, batchSize: 1, rateMultiplier: 1e30, beta: 1 } },
        chats,
        'training_failed',
        null,
        /loss of step|finite/,
      ],
    ];
  for (const [changes, rows, code, param, message] of cases) {
    const desk = await ask(changes, rows);
    assert.equal(await runJob({ ...desk.run, pace: go }), 'failed', code);
    const { error } = (await desk.store.read(desk.run.job.id))!.progress!;
    assert.deepEqual([error!.code, error!.param], [code, param]);
    assert.match(error!.message, message);
    assert.equal((await desk.events()).at(-1)!.level, 'error');
    assert.deepEqual(desk.published, []);
  }
  const desk = await ask();
  await failJob(desk.store, desk.run.job.id, {
    code: 'model_not_found',
    message: 'It is gone.',
    param: 'model',
  });
  assert.equal(await desk.status(), 'failed');
});
