/** Consolidation from end to end on a tiny decoder that reads characters: real imports, processes, kills. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decodePeft, peftFiles } from '../../core/adapter/peft.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { importCalibrated } from '../../core/import/calibrated-import.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { noTenantAliases, writeAliases } from '../../core/registry/aliases.ts';
import { listBaseVersions, publishBaseVersion } from '../../core/registry/base-versions.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { listVersions, openVersion } from '../../core/registry/open-version.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { openSource } from '../../core/registry/source-checkpoint.ts';
import { createOpenGraph } from '../../core/runtime/open-graph.ts';
import { maxDifference } from '../../test/parity/imported.ts';
import { writeTinyCheckpoint } from '../../test/tiny-checkpoint.ts';
import type { Example } from '../examples/example.ts';
import { openTrainableModel, type TrainableModel } from '../model/trainable-model.ts';
import { publish } from '../publish/publish.ts';
import { adamWDefaults } from '../train/adamw.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import { TrainRun } from '../train/train-run.ts';
import { type ConsolidateOptions, consolidate } from './consolidate.ts';
import { readAdapters } from './read-adapters.ts';
import { retainNewest } from './retain.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-consolidate-'));
after(() => rmSync(root, { recursive: true, force: true }));
const modelsDir = join(root, 'models');
const layout = learningLayout(join(root, 'learning'));
const checkpointPath = join(root, 'checkpoint');
const now = new Date('2026-03-01T00:00:00Z');
const bad = (text: string): never => {
  throw new Error(text);
};

const example: Example = {
  id: 'row',
  tenant: 'acme',
  account: 'ann',
  model: 'tiny',
  receivedMs: 0,
  context: { kind: 'chat', messages: [{ role: 'user', content: 'Who mills?' }] },
  kind: 'answer',
  answer: 'The miller.',
};

function importTiny(): Promise<unknown> {
  return publishVersion({
    modelsDir,
    name: 'tiny',
    now: () => now,
    async write(folder) {
      const checkpoint = await openCheckpoint(checkpointPath);
      const open = createOpenGraph({ threads: 1 });
      await importCalibrated({ checkpoint, folder, quantization: 'int8', open, scratch: root });
      await checkpoint.close();
      const source = { format: 'hugging-face', name: 'tiny', path: checkpointPath } as const;
      return { source, kind: 'decoder', architecture: 'llama', quantization: 'int8' };
    },
  });
}

const openTiny = (version?: string): Promise<TrainableModel> =>
  openTrainableModel({
    modelsDir,
    name: 'tiny',
    ...(version === undefined ? {} : { version }),
    folder: join(root, 'bases'),
    shape: { rank: 4, alpha: 8, targets: ['q', 'v', 'o', 'gate', 'up', 'down'], frozenShare: 0.5 },
    threads: 1,
  });

/** A few steps on the example. */
async function learn(model: TrainableModel, seed: number, numSteps: number): Promise<Parameters> {
  const [text] = await model.trunk.prepare([model.encoder.encode(example.context, 'The miller.')]);
  const options = {
    numSteps,
    learningRate: 0.02,
    schedule: 'constant',
    temperature: 1,
    emaDecay: 0,
  } as const;
  const run = new TrainRun(
    model.gradients,
    { ...options, optimizer: adamWDefaults },
    { values: initialLora(model.base.config, model.shape, seed) },
  );
  for (let step = 0; step < numSteps; step++) await run.step([[{ kind: 'answer', text: text!, weight: 1 }]]);
  return run.result;
}

const publishLearned = (
  model: TrainableModel,
  values: Parameters,
  more: { tenant?: string; parent?: string } = {},
): Promise<AdapterManifest> => {
  const { tenant = 'acme', parent = null } = more;
  const lineage = { tenant, parent, rows: ['row'], recipe: { kind: 'feedback' }, gate: null };
  return publish({ model, values, folder: layout.adapters, lineage, now });
};

// A random model of two layers is hurt more by rounding than a real one, and by learning.
const bounds = { maxDrift: 0.05, maxDriftInAll: 5, maxTaughtLoss: 0.5, maxCanaryLoss: 0.5 };
const options = (
  adapters: readonly string[],
  more: Partial<ConsolidateOptions> = {},
): ConsolidateOptions => ({
  modelsDir,
  model: 'tiny',
  adapters,
  layout,
  examples: [example],
  threads: 1,
  now,
  niceness: 0,
  gate: bounds,
  timeoutMs: 60_000,
  ...more,
});

let model: TrainableModel;
let learned: Parameters;
let adapter: AdapterManifest;
before(async () => {
  writeTinyCheckpoint(checkpointPath);
  await importTiny();
  model = await openTiny();
  learned = await learn(model, 1, 40);
  adapter = await publishLearned(model, learned);
});
after(() => model.close());

/** Folders of the models folder, hidden ones too. */
const folders = (): string[] => readdirSync(modelsDir).sort();
const folderOf = (version: string): string => `tiny@${version.slice(7, 19)}`;

test('killed on its last stretch, it leaves nothing behind', async () => {
  const killer = new AbortController();
  const onProgress = (progress: { stage: string }): void => {
    if (progress.stage === 'gate') killer.abort();
  };
  const signal = killer.signal;
  await assert.rejects(consolidate(options([adapter.id], { signal, onProgress })), /it was stopped/);
  assert.deepEqual(folders(), ['tiny']);
  assert.equal(existsSync(join(layout.trainer, 'consolidation')), false);
});

/** A trainer that consolidates and says so. */
const trainer = `
  import { consolidate } from ${JSON.stringify(new URL('./consolidate.js', import.meta.url).href)};
  const options = JSON.parse(process.argv.at(-1));
  await consolidate({ ...options, now: new Date(options.now), onProgress: ({ stage }) => console.log(stage) });
`;

/** Resolves when the process has ended; fails after five seconds. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    // A process whose parent is dead and that nobody waits for stays as a zombie in some containers.
    const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (status === null || /\) Z /.test(status)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`process ${pid} goes on without its trainer`);
}

test('when the trainer is killed, the process ends by itself, and nobody sees what it has left', async () => {
  const given = JSON.stringify(options([adapter.id]));
  const parent = spawn(process.execPath, ['--input-type=module', '-e', trainer, given]);
  await new Promise<void>((resolve, reject) => {
    parent.stdout.once('data', () => resolve());
    parent.stderr.once('data', (bytes: Buffer) => reject(new Error(bytes.toString())));
  });
  const left = readdirSync(modelsDir, 'utf8').find((name) => name.startsWith('.consolidating-'))!;
  parent.kill('SIGKILL');
  await gone(Number(left.split('-').at(-1)));
  assert.deepEqual(folders(), [left, 'tiny']);
  assert.deepEqual(await listVersions(modelsDir), ['tiny']);
  assert.deepEqual(await listBaseVersions(modelsDir, 'tiny'), []);
});

let first: string;

test('what an adapter has learned becomes a base version of its own beside the one before', async () => {
  const stages = new Set<string>();
  const before = readFileSync(join(modelsDir, 'tiny', 'manifest.json'));
  const result = await consolidate(
    options([adapter.id], { onProgress: ({ stage }) => void stages.add(stage) }),
  );
  assert.equal(result.gate.verdict, 'pass', JSON.stringify(result.gate));
  first = result.version!;
  assert.deepEqual([...stages], ['weights', 'gate']);
  assert.deepEqual(folders(), ['tiny', folderOf(first)], 'what was left before is swept');
  assert.deepEqual(await listVersions(modelsDir), ['tiny']);
  assert.deepEqual(readFileSync(join(modelsDir, 'tiny', 'manifest.json')), before);
  const opened = await openVersion(modelsDir, 'tiny', first);
  assert.equal(opened.folder, result.folder);
  const { source, gate, quantization, name } = opened.manifest;
  assert.deepEqual(source.merged, [{ adapter: adapter.id, tenant: 'acme' }]);
  assert.deepEqual([gate, quantization, name], [result.gate, 'int8', 'tiny']);
  assert.deepEqual(
    (await openVersion(modelsDir, 'tiny', adapter.base)).folder,
    join(modelsDir, 'tiny'),
    'the old one opens by its id too',
  );
});

test('the answer that was learned is right under the new version, and was not under the imported one', async () => {
  const { manifest } = await openVersion(modelsDir, 'tiny', first);
  const of = (name: string) => manifest.gate!.checks.find((check) => check.name === name)!;
  assert.deepEqual(of('taught answers are kept'), {
    name: 'taught answers are kept',
    verdict: 'pass',
    value: 0,
    bound: 0.1,
  });
  const [text] = await model.trunk.prepare([model.encoder.encode(example.context, 'The miller.')]);
  const [base] = await model.forward.score(model.fresh, [text!]);
  assert.ok(base!.logprobs.some((value, at) => value < base!.best[at]! - 1e-5));
});

test('training on the new version begins where the adapter on the old one ended', async () => {
  const next = await openTiny(first);
  const texts = [model.encoder.encode(example.context, 'Other words.'), { tokens: [9, 40, 41, 7], from: 1 }];
  const [was, is] = [await model.trunk.prepare(texts), await next.trunk.prepare(texts)];
  const wanted = await model.forward.score(learned, was);
  const got = await next.forward.score(next.fresh, is);
  wanted.forEach(({ logprobs }, index) => {
    const difference = maxDifference(logprobs, got[index]!.logprobs);
    assert.ok(difference < 1e-4, `${difference}`);
  });
  assert.notEqual(next.base.folder, model.base.folder);
  await next.close();
});

let second: string;

test('a later consolidation merges on top, in full precision, with nothing but the version and the checkpoint', async () => {
  const next = await openTiny(first);
  const more = await publishLearned(next, await learn(next, 2, 3));
  await next.close();
  const result = await consolidate(options([more.id]));
  assert.equal(result.gate.verdict, 'pass', JSON.stringify(result.gate));
  second = result.version!;
  rmSync(join(layout.adapters, more.id), { recursive: true });
  const version = await openVersion(modelsDir, 'tiny', second);
  assert.deepEqual(
    version.manifest.source.merged!.map((each) => each.adapter),
    [adapter.id, more.id],
  );
  const name = 'model.layers.1.mlp.down_proj.weight';
  const merged = await openSource(version);
  const plain = await openCheckpoint(checkpointPath);
  const wanted = Float64Array.from(await plain.read(name));
  for (const id of [adapter.id, more.id]) addDelta(wanted, version.folder, id);
  const difference = maxDifference(await merged.read(name), wanted);
  // Two roundings of fp32, of numbers around one.
  assert.ok(difference < 4e-7, `${difference}`);
  await Promise.all([merged.close(), plain.close()]);
});

/** The definition, element by element, from PEFT's own arrays: α/r · lora_B · lora_A. */
function addDelta(weight: Float64Array, folder: string, id: string): void {
  const file = (name: string) => readFileSync(join(folder, `${id}.${name}`));
  const files = { config: file(peftFiles.config), weights: file(peftFiles.weights) };
  const { shape, values } = decodePeft(files, model.base.config, folder);
  const [a, b] = ['a', 'b'].map((side) => values.get(`lora.1.down.${side}`) ?? bad('no factors'));
  const [inSize, outSize] = [a!.length / shape.rank, b!.length / shape.rank];
  for (let out = 0; out < outSize; out++)
    for (let at = 0; at < inSize; at++)
      for (let r = 0; r < shape.rank; r++)
        weight[out * inSize + at]! +=
          (shape.alpha / shape.rank) * a![at * shape.rank + r]! * b![r * outSize + out]!;
}

test('a version that the gate does not let through is not published, and says why', async () => {
  const { version, folder, gate } = await consolidate(
    options([adapter.id], { gate: { ...bounds, maxDrift: -0.9 } }),
  );
  assert.deepEqual([version, folder, gate.verdict], [null, null, 'fail']);
  const failed = gate.checks.filter((check) => check.verdict === 'fail').map((check) => check.name);
  assert.deepEqual(failed, ['perplexity over the served version']);
  assert.deepEqual(folders(), ['tiny', folderOf(first), folderOf(second)].sort());
});

test('adapters that do not go together are refused', async () => {
  const other = await publishLearned(model, initialLora(model.base.config, model.shape, 8), { tenant: 'b' });
  const child = await publishLearned(model, initialLora(model.base.config, model.shape, 9), {
    parent: adapter.id,
  });
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /at least one adapter/],
    [[adapter.id, other.id], /different tenants/],
    [[child.id, adapter.id], /was built on/],
    [[adapter.id, adapter.id], /named twice/],
  ];
  for (const [ids, reason] of cases) await assert.rejects(readAdapters(layout.adapters, ids, 'tiny'), reason);
  await assert.rejects(readAdapters(layout.adapters, [adapter.id], 'large'), /belongs to the model tiny/);
});

/** A version of the given month that nothing is in; its id. */
async function publishEmpty(month: number): Promise<string> {
  const write = async (folder: string) => {
    writeFileSync(join(folder, 'weights.bin'), String(month));
    const source = { format: 'hugging-face', name: 'tiny' } as const;
    return { source, kind: 'decoder', architecture: 'llama', quantization: 'int8' } as const;
  };
  const now = () => new Date(Date.UTC(2026, month));
  return (await publishBaseVersion({ modelsDir, name: 'tiny', now, write }))!.version;
}

test('the oldest versions make place, but never one that is served or that an adapter in use was made on', async () => {
  const versions: string[] = [];
  for (const month of [3, 4, 5, 6, 7, 8]) versions.push(await publishEmpty(month));
  const [oldest, served, current, old, kept, newest] = versions as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const next = await openTiny(first);
  const onFirst = await publishLearned(next, initialLora(next.base.config, next.shape, 4));
  await next.close();
  const retain = {
    modelsDir,
    model: 'tiny',
    aliases: layout.aliases,
    adapters: layout.adapters,
    numKept: 3,
    current,
  };
  writeFileSync(layout.aliases, '{ "format": 9 }');
  assert.deepEqual(await retainNewest(retain), [], 'nothing goes while nobody knows what is served');
  const tenants = { acme: { ...noTenantAliases, previous: [onFirst.id] } };
  const models = { tiny: { base: served, tenants } };
  await writeAliases(layout.aliases, { format: 1, revision: 1, paused: false, models });
  assert.deepEqual((await retainNewest(retain)).sort(), [second, oldest, old].sort());
  const left = (await listBaseVersions(modelsDir, 'tiny')).map(({ version }) => version);
  assert.deepEqual(left.sort(), [first, served, current, kept, newest].sort());
});
