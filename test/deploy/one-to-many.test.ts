/** A server on its own becomes a learner with a follower, as docs/runbook.md says, with the settings that the chart gives each. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type LearningServer, serveLearning, until } from '../e2e/learning-server.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { freePort, noRedis, RedisServer } from '../redis/redis-server.ts';
import { withoutHelm } from './chart.ts';
import { get, serverOf } from './rendered.ts';

const skip = withoutHelm || noRedis;
const waitMs = 20_000;
const root = mkdtempSync(join(tmpdir(), 'millrace-many-'));
const model = new TinyModel(root);
const manySet = 'a learner and a follower';
const learnerPod = 'river-millrace-0';
const followerPod = 'river-millrace-follower-0';

let redis: RedisServer;
let imported: string;
let filesPort: number;
const servers: LearningServer[] = [];

before(async () => {
  if (skip !== false) return;
  imported = await model.import();
  redis = await RedisServer.start();
  filesPort = await freePort();
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill('SIGTERM')));
  await redis?.close();
  remove(root);
});

/** The trainer of a server that was killed writes for a moment longer. */
const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 20 });

/** A pod of the chart as a process: its variables and its file, with folders, ports and secrets of this machine. */
async function startPod(set: string, suffix: string, pod: string, volume: string): Promise<LearningServer> {
  const config = parse(get(set, 'ConfigMap').data['millrace.yaml']);
  config.models = { dir: model.modelsDir, default: modelName, embeddings: '' };
  config.learning.dir = join(root, volume);
  config.engine.maxContext = 128;
  if (config.cluster) {
    // The name of the learner's Service is known in a cluster only.
    const filesUrl = `http://127.0.0.1:${filesPort}`;
    config.cluster = { ...config.cluster, filesPort, filesUrl, filesHost: '127.0.0.1' };
  }
  const file = join(root, `${pod}.yaml`);
  writeFileSync(file, stringify(config));
  const env: { name: string; value?: string }[] = serverOf(set, suffix).env;
  const flags = env
    .filter(({ name }) => name.startsWith('MILLRACE_CLUSTER_'))
    .flatMap(({ name, value }) => [flagOf(name), value ?? secret(name)]);
  const server = await serveLearning(['--config', file, '--cluster-replica', pod, ...flags]);
  servers.push(server);
  return server;
}

const flagOf = (variable: string): string =>
  `--${variable.replace('MILLRACE_', '').toLowerCase().replaceAll('_', '-')}`;

const secret = (variable: string): string =>
  variable === 'MILLRACE_CLUSTER_REDIS_URL' ? redis.url : 'a secret of both';

async function ask({ url }: LearningServer): Promise<{ readonly id: string; readonly version: string }> {
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: modelName, prompt: 'The mill ', max_tokens: 4, temperature: 0 }),
    signal: AbortSignal.timeout(waitMs),
  });
  const body = (await answer.json()) as { id: string; system_fingerprint: string };
  assert.equal(answer.status, 200, JSON.stringify(body));
  return { id: body.id, version: body.system_fingerprint };
}

async function correct({ url }: LearningServer, response: string): Promise<string> {
  const answer = await fetch(`${url}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ response_id: response, kind: 'correction', text: 'The miller grinds.' }),
    signal: AbortSignal.timeout(waitMs),
  });
  assert.equal(answer.status, 202);
  return ((await answer.json()) as { id: string }).id;
}

const knows = async ({ url }: LearningServer, row: string): Promise<boolean> =>
  (await fetch(`${url}/v1/feedback/${row}`, { signal: AbortSignal.timeout(waitMs) })).ok;

const serves = (server: LearningServer, version: string): Promise<true> =>
  until(`it serves ${version}`, waitMs, async () => (await ask(server)).version === version);

interface Many {
  readonly learner: LearningServer;
  readonly follower: LearningServer;
  readonly version: string;
  readonly row: string;
}
let many: Many;

const promote = async (server: LearningServer, adapter: string): Promise<string> => {
  await server.post(`/admin/versions/${adapter}/promote`, { tenant: 'anonymous' });
  return `${imported.slice(0, 19)}+${adapter}`;
};
const publish = (seed: number): Promise<string> =>
  model.publishAdapter(learningLayout(join(root, 'learning')).adapters, imported, seed);

test('what one server has learned and was told, its followers serve and know', { skip }, async () => {
  const alone = await startPod('the defaults', '', learnerPod, 'learning');
  const version = await promote(alone, await publish(1));
  await serves(alone, version);
  const row = await correct(alone, (await ask(alone)).id);
  await alone.kill('SIGTERM');

  const learner = await startPod(manySet, '', learnerPod, 'learning');
  const follower = await startPod(manySet, '-follower', followerPod, 'state');
  await serves(learner, version);
  await serves(follower, version);
  await until('the row is known', waitMs, () => knows(follower, row));
  many = { learner, follower, version, row };
});

test('a Redis that comes back empty is filled again, and versions go on reaching all', { skip }, async () => {
  const { learner, follower, version, row } = many;
  await redis.kill();
  redis.forget();
  await redis.start();
  for (const server of [learner, follower]) await serves(server, version);
  const later = await correct(follower, (await ask(follower)).id);
  await until('the later row is known', waitMs, () => knows(learner, later));
  assert.ok(await knows(follower, row));
  const next = await until('an alias is moved', waitMs, async () =>
    promote(learner, await publish(2)).catch(() => null),
  );
  for (const server of [learner, follower]) await serves(server, next);
  many = { ...many, version: next };
});

test("a learner whose volume is lost goes on with a follower's adapters and feedback", { skip }, async () => {
  const { learner, follower, version, row } = many;
  await learner.kill('SIGKILL');
  remove(join(root, 'learning'));
  for (const name of ['adapters', 'feedback'])
    cpSync(join(root, 'state', name), join(root, 'learning', name), { recursive: true });
  const again = await startPod(manySet, '', learnerPod, 'learning');
  await serves(again, version);
  await until('the row is known', waitMs, () => knows(again, row));
  const next = await until('an alias is moved', waitMs, async () =>
    promote(again, await publish(3)).catch(() => null),
  );
  for (const server of [again, follower]) await serves(server, next);
  many = { ...many, learner: again, version: next };
});

test('a follower whose volume is lost serves what all serve, and takes feedback', { skip }, async () => {
  const { learner, follower, version } = many;
  await follower.kill('SIGKILL');
  remove(join(root, 'state'));
  const again = await startPod(manySet, '-follower', followerPod, 'state');
  await serves(again, version);
  const row = await correct(again, (await ask(again)).id);
  await until('the row is known', waitMs, () => knows(learner, row));
});
