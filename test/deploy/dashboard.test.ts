/** What dashboard, alerts and KEDA ask, asked of a real Prometheus that scrapes the real server. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type LearningServer, serveLearning, until } from '../e2e/learning-server.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { noRedis, RedisServer } from '../redis/redis-server.ts';
import { chartFile, namespace, releaseName, withoutHelm } from './chart.ts';
import { noPrometheus, Prometheus } from './prometheus.ts';
import { get } from './rendered.ts';

const skip = noPrometheus || noRedis;
const service = `${releaseName}-millrace`;
const waitMs = 30_000;
const root = mkdtempSync(join(tmpdir(), 'millrace-dashboard-'));

let redis: RedisServer | undefined;
let server: LearningServer | undefined;
let prometheus: Prometheus | undefined;

before(async () => {
  if (skip !== false) return;
  const model = new TinyModel(root);
  await model.import();
  redis = await RedisServer.start();
  server = await serveLearning([
    ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
    ...['--learning-dir', join(root, 'state'), '--engine-max-context', '128', '--engine-threads', '1'],
    ...['--cluster-redis-url', redis.url, '--cluster-token', 'for the test', '--cluster-files-port', '0'],
  ]);
  const labels = { namespace, service, pod: `${service}-0` };
  prometheus = await Prometheus.start(new URL(server.url).host, labels);
  await until('the learner leads', waitMs, async () => (await read('millrace_leader == 1')).length > 0);
  await until('a rate can be told', waitMs, async () => {
    await use();
    return (await read('rate(millrace_requests_total{status="200"}[5s]) > 0')).length > 0;
  });
});
after(async () => {
  await prometheus?.close();
  await server?.kill('SIGKILL');
  await redis?.close();
  rmSync(root, { recursive: true, force: true });
});

const read = (expression: string) => prometheus!.query(expression);

async function post(path: string, body: object): Promise<string> {
  const answer = await fetch(`${server!.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(waitMs),
  });
  const text = await answer.text();
  assert.ok(answer.ok, text);
  return text;
}

/** A stream, an answer and a correction of it, so that most metrics have something to say. */
async function use(): Promise<void> {
  const body = { model: modelName, prompt: 'The mill ', max_tokens: 16 };
  await post('completions', { ...body, stream: true });
  const { id } = JSON.parse(await post('completions', body)) as { id: string };
  await post('feedback', { response_id: id, kind: 'correction', text: 'The mill grinds.' });
}

/** As Grafana fills in what it knows; a range is as short as four scrapes need. */
const filledIn = (expression: string): string =>
  expression
    .replace(/\$__(rate_interval|range)/g, '5s')
    .replaceAll('$namespace', namespace)
    .replaceAll('$service', service);

/** The series that it reads. */
const selectorsOf = (expression: string): string[] =>
  expression.match(/\b(?:millrace|gen_ai)_[a-z_]+(?:\s*\{[^}]*\})?/g) ?? [];

async function areThere(expression: string): Promise<boolean> {
  for (const selector of selectorsOf(expression)) if ((await read(selector)).length === 0) return false;
  return true;
}

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

test('each panel that can have something to show shows it', { skip }, async (context) => {
  const { panels } = JSON.parse(chartFile('dashboards/millrace.json')) as { panels: readonly Panel[] };
  const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));
  const silent: string[] = [];
  for (const { title, expr } of queries) {
    const expression = filledIn(expr);
    const result = await read(expression);
    if (await areThere(expression)) assert.ok(result.length > 0, `${title}: ${expression}`);
    else silent.push(title);
  }
  context.diagnostic(`${queries.length} queries; without series here: ${silent.join(', ') || 'none'}`);
  assert.ok(silent.length * 2 < queries.length, 'most of them were tried');
  for (const title of ['Who leads', 'Lines carried between servers'])
    assert.ok(!silent.includes(title), title);
});

test('the variables of the dashboard find the release', { skip }, async () => {
  const { templating } = JSON.parse(chartFile('dashboards/millrace.json')) as {
    templating: { list: readonly { name: string; query: string }[] };
  };
  for (const { name, query } of templating.list.filter(({ query: text }) =>
    text.startsWith('label_values'),
  )) {
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(filledIn(query))!;
    const found = (await read(selector!)).map(({ metric }) => metric[label!]);
    assert.ok(found.includes({ namespace, service }[name]), `${name}: ${found}`);
  }
});

test('no alert is firing at a server that is well, and Prometheus takes each', {
  skip: skip || withoutHelm,
}, async () => {
  const { groups } = get('followers with monitoring and keys', 'PrometheusRule').spec;
  const rules: { alert: string; expr: string }[] = groups[0].rules;
  for (const { alert, expr } of rules) assert.deepEqual(await read(expr), [], alert);
  const { query } = get('followers with KEDA', 'ScaledObject').spec.triggers[0].metadata;
  const waiting = await read(query.replace('-follower', ''));
  assert.equal(waiting.length, 1, query);
});
