/**
 * Three servers and a Redis, all real processes: what one is told all know, what one has moved all serve, and each of them
 * can die.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { noRedis, RedisServer } from '../redis/redis-server.ts';
import { type LearningServer, serveLearning, until } from './learning-server.ts';
import { program, programEnv } from './program.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const skip = noRedis;
const root = mkdtempSync(join(tmpdir(), 'millrace-replicas-'));
const model = new TinyModel(root);
const waitMs = 20_000;
const names = ['learner', 'first', 'second'] as const;
type Name = (typeof names)[number];

const servers = new Map<Name, LearningServer>();
let redis: RedisServer;
let imported: string;

function argsOf(name: Name): string[] {
  return [
    ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
    ...['--learning-dir', join(root, name), '--engine-max-context', '128', '--engine-threads', '1'],
    ...['--cluster-redis-url', redis.url, '--cluster-replica', name, '--cluster-token', 'for the test'],
    ...['--cluster-role', name === 'learner' ? 'learner' : 'follower', '--cluster-files-port', '0'],
    ...['--cluster-lock-ms', '1000'],
  ];
}

async function start(name: Name): Promise<LearningServer> {
  const server = await serveLearning(argsOf(name));
  servers.set(name, server);
  return server;
}

const at = (name: Name): LearningServer => servers.get(name)!;

before(async () => {
  if (skip !== false) return;
  imported = await model.import();
  redis = await RedisServer.start();
  for (const name of names) await start(name);
});
after(async () => {
  await Promise.all([...servers.values()].map((server) => server.kill('SIGKILL')));
  await redis?.close();
  rmSync(root, { recursive: true, force: true });
});

/** What `millrace replicas` says, asked of one of them. */
async function replicasAt(name: Name): Promise<string> {
  const args = [program, 'replicas', '--url', at(name).adminUrl];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: root,
    env: programEnv,
    timeout: waitMs,
  });
  return stdout;
}

/** A metric of one of them; NaN where it has none. */
async function metricAt(name: Name, series: string): Promise<number> {
  const answer = await fetch(`${at(name).url}/metrics`, { signal: AbortSignal.timeout(waitMs) });
  const line = (await answer.text()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}

const [numReady, numBehind] = ['ready', 'behind'].map(
  (state) => `millrace_cluster_replicas{state="${state}"}`,
) as [string, string];

const short = (version: string): string => version.slice(0, 19);

async function ask(name: Name, prompt = 'The mill '): Promise<{ version: string; id: string }> {
  const answer = await fetch(`${at(name).url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: modelName, prompt, max_tokens: 4, temperature: 0 }),
    signal: AbortSignal.timeout(waitMs),
  });
  const body = (await answer.json()) as { id: string; system_fingerprint: string };
  assert.equal(answer.status, 200, JSON.stringify(body));
  return { version: body.system_fingerprint, id: body.id };
}

const allServe = (version: string, ...of: Name[]): Promise<true> =>
  until(`${of.join(', ')} serve ${version}`, waitMs, async () => {
    for (const name of of) if ((await ask(name)).version !== version) return false;
    return true as const;
  });

async function correct(name: Name, responseId: string, text: string): Promise<string> {
  const answer = await fetch(`${at(name).url}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ response_id: responseId, kind: 'correction', text }),
    signal: AbortSignal.timeout(waitMs),
  });
  const body = (await answer.json()) as { id: string };
  assert.equal(answer.status, 202, JSON.stringify(body));
  return body.id;
}

async function stateAt(name: Name, row: string): Promise<string | null> {
  const answer = await fetch(`${at(name).url}/v1/feedback/${row}`, { signal: AbortSignal.timeout(waitMs) });
  return answer.ok ? ((await answer.json()) as { state: string }).state : null;
}

const isKnownAt = (row: string, ...of: Name[]): Promise<true> =>
  until(`${of.join(', ')} have ${row}`, waitMs, async () => {
    for (const name of of) if ((await stateAt(name, row)) === null) return false;
    return true as const;
  });

const publish = (seed: number): Promise<string> =>
  model.publishAdapter(learningLayout(join(root, 'learner')).adapters, imported, seed);
const promote = (name: Name, adapter: string): Promise<object> =>
  at(name).post(`/admin/versions/${adapter}/promote`, { tenant: 'anonymous' });

test('a version that only the learner has is fetched and served by all', { skip }, async () => {
  const adapter = await publish(1);
  await promote('learner', adapter);
  await allServe(`${short(imported)}+${adapter}`, ...names);
});

test('a follower is asked for a rollback, and all have gone back', { skip }, async () => {
  await at('first').post('/admin/rollback', { tenant: 'anonymous' });
  await allServe(short(imported), ...names);
});

test('one that cannot load a version is behind, says why to whoever asks any of them, and is ready again once it can', {
  skip,
}, async () => {
  const ready = async (name: Name) => (await metricAt(name, numReady)) === names.length || null;
  await until('all are ready', waitMs, () => ready('first'));
  const lines = (await replicasAt('learner')).split('\n');
  assert.match(lines[0]!, /name +role +version +ready/);
  for (const name of names)
    assert.ok(
      lines.some((line) => new RegExp(` ${name} +(learner|follower) +\\S+ +yes `).test(line)),
      lines.join('\n'),
    );
  assert.match(lines.find((line) => line.startsWith('*'))!, / learner /);

  const adapter = await publish(11);
  const { adapters } = learningLayout(join(root, 'second'));
  // A file where its versions should go.
  renameSync(adapters, `${adapters}.aside`);
  writeFileSync(adapters, '');
  await promote('learner', adapter);
  await allServe(`${short(imported)}+${adapter}`, 'learner', 'first');
  const said = await until('the others know why', waitMs, async () => {
    const text = await replicasAt('first');
    return / first .* yes [\s\S]* second .* no [\s\S]*does not serve/.test(text) ? text : null;
  });
  assert.equal(await metricAt('first', numBehind), 1);
  assert.match(said, new RegExp(`^second does not serve ${adapter} of ${modelName} for anonymous: .`, 'm'));
  assert.equal((await ask('second')).version, short(imported), 'it answers as before');

  rmSync(adapters);
  renameSync(`${adapters}.aside`, adapters);
  await allServe(`${short(imported)}+${adapter}`, 'second');
  await until('all are ready', waitMs, () => ready('first'));
  assert.doesNotMatch(await replicasAt('first'), /does not serve/);
  await at('first').post('/admin/rollback', { tenant: 'anonymous' });
  await allServe(short(imported), ...names);
});

test('feedback on an answer of one, given to another, is known to all and decided by the learner', {
  skip,
}, async () => {
  const { id } = await ask('first', 'Who grinds? ');
  const row = await correct('second', id, 'The miller does.');
  await isKnownAt(row, ...names);
  await until(
    'its fate is known where it was given',
    waitMs,
    async () => (await stateAt('second', row)) !== 'stored',
  );
});

test('what only the learner does is not done by a follower, which says who does', { skip }, async () => {
  await assert.rejects(at('first').post('/admin/consolidate', { tenant: 'anonymous' }), /learner/);
});

test('without Redis all serve on and take feedback; when it is back, nothing is missing', {
  skip,
}, async () => {
  await redis.kill();
  const rows: string[] = [];
  for (const name of names) {
    const { id, version } = await ask(name, `Without ${name} `);
    assert.equal(version, short(imported));
    rows.push(await correct(name, id, `With ${name}.`));
  }
  const [waiting, bytes, age] = ['rows', 'bytes', 'age_seconds'].map(
    (what) => `millrace_cluster_unsent_${what}{log="feedback"}`,
  ) as [string, string, string];
  for (const name of names) {
    await until(`${name} counts its row`, waitMs, async () => (await metricAt(name, waiting)) === 1 || null);
    assert.ok((await metricAt(name, bytes)) > 100);
    assert.ok((await metricAt(name, age)) > 0);
  }
  await redis.start();
  for (const row of rows) await isKnownAt(row, ...names);
  for (const name of names) {
    await until(`${name} waits no more`, waitMs, async () => (await metricAt(name, waiting)) === 0 || null);
    assert.equal(await metricAt(name, age), 0);
  }
  const adapter = await publish(2);
  await until('aliases can be moved again', waitMs, () => promote('learner', adapter).catch(() => null));
  await allServe(`${short(imported)}+${adapter}`, ...names);
});

test('a follower that was killed comes back to where the others are', { skip }, async () => {
  await at('second').kill('SIGKILL');
  const adapter = await publish(3);
  const { id } = await ask('first', 'While it was away ');
  const row = await correct('first', id, 'It came back.');
  await promote('learner', adapter);
  await allServe(`${short(imported)}+${adapter}`, 'learner', 'first');
  await start('second');
  await allServe(`${short(imported)}+${adapter}`, 'second');
  await isKnownAt(row, 'second');
});

test('while the learner is away the others serve on, and follow it when it is back', { skip }, async () => {
  const before = await ask('first');
  await at('learner').kill('SIGKILL');
  assert.deepEqual((await ask('first')).version, before.version);
  const { id } = await ask('second', 'Nobody learns ');
  const row = await correct('second', id, 'Somebody will.');
  await start('learner');
  await isKnownAt(row, 'learner');
  const adapter = await publish(4);
  await until('it leads again', waitMs, () => promote('learner', adapter).catch(() => null));
  await allServe(`${short(imported)}+${adapter}`, ...names);
});
