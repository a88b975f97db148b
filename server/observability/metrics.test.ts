import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noStats } from '../batching/engine.ts';
import { Metrics, type MetricsOptions } from './metrics.ts';
import type { RequestOutcome } from './request-metrics.ts';

const answered: RequestOutcome = {
  operation: 'chat',
  model: 'm',
  version: 'sha256:0123456789ab',
  tenant: 'a',
  status: 200,
  tookMs: 500,
  queueMs: 20,
  ttftMs: 100,
  promptTokens: 30,
  completionTokens: 5,
  finishes: ['stop'],
};

const create = (options: Partial<MetricsOptions> = {}): Metrics =>
  new Metrics({ engines: () => [], ...options });

/** Value of the one sample with this name and these labels, in any order; undefined when there is none. */
function valueIn(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const found = lines.filter((line) => wanted.every((pair) => line.includes(pair)));
  assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)} is one sample`);
  return found[0] === undefined ? undefined : Number(found[0].slice(found[0].lastIndexOf(' ')));
}

test('every counter is named one, and nothing else is', () => {
  for (const { name, type } of create().described)
    assert.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
});

test('names are in lower case without colons, and each has a help of its own', () => {
  const { described } = create();
  for (const { name, labels } of described)
    for (const word of [name, ...labels]) assert.match(word, /^[a-z][a-z0-9_]*$/);
  assert.equal(new Set(described.map(({ name }) => name)).size, described.length);
  assert.equal(new Set(described.map(({ help }) => help)).size, described.length);
});

test('an answer counts with its times, its sizes, its owner and its version', async () => {
  const metrics = create();
  metrics.requests.record(answered);
  const text = await metrics.text();
  const of = (name: string, labels?: Record<string, string>) => valueIn(text, name, labels);
  assert.equal(of('millrace_requests_total', { operation: 'chat', model: 'm', status: '200' }), 1);
  assert.equal(of('millrace_tokens_total', { type: 'input' }), 30);
  assert.equal(of('millrace_tokens_total', { type: 'output' }), 5);
  assert.equal(of('millrace_finished_total', { reason: 'stop' }), 1);
  assert.equal(of('gen_ai_server_request_duration_seconds_sum'), 0.5);
  assert.equal(of('gen_ai_server_time_to_first_token_seconds_sum'), 0.1);
  // (500 - 100) ms for the four tokens after the first.
  assert.equal(of('gen_ai_server_time_per_output_token_seconds_sum'), 0.1);
  assert.equal(of('millrace_queue_wait_seconds_sum'), 0.02);
  assert.equal(of('millrace_prefill_seconds_sum'), 0.08);
  assert.equal(of('millrace_decode_seconds_sum'), 0.4);
  assert.equal(of('millrace_prompt_tokens_sum'), 30);
  assert.equal(of('millrace_output_tokens_sum'), 5);
  assert.equal(of('millrace_tenant_requests_total', { tenant: 'a', outcome: 'ok' }), 1);
  assert.equal(of('millrace_version_requests_total', { version: answered.version, outcome: 'ok' }), 1);
});

test('a histogram counts each value up to its bound, and none that is no number', async () => {
  const metrics = create();
  const gaps = metrics.requests.gapsOf('m');
  for (const gapMs of [1, 2, 2.5, 9_000, Number.NaN]) gaps(gapMs);
  const text = await metrics.text();
  const bucket = (le: string) => valueIn(text, 'millrace_inter_token_seconds_bucket', { le });
  assert.deepEqual(['0.001', '0.002', '0.005', '2.5', '+Inf'].map(bucket), [1, 2, 3, 3, 4]);
  assert.equal(valueIn(text, 'millrace_inter_token_seconds_count'), 4);
  assert.equal(valueIn(text, 'millrace_inter_token_seconds_sum'), 9.0055);
});

test('statuses are told apart as outcomes', async () => {
  const metrics = create();
  for (const status of [429, 499, 503]) metrics.requests.record({ ...answered, status });
  const text = await metrics.text();
  for (const outcome of ['refused', 'cancelled', 'failed'])
    assert.equal(valueIn(text, 'millrace_tenant_requests_total', { outcome }), 1, outcome);
});

test('tenants beyond the bound count as one', async () => {
  const metrics = create({ maxTenants: 2 });
  for (let tenant = 0; tenant < 1_000; tenant++)
    metrics.requests.record({ ...answered, tenant: `tenant-${tenant}` });
  const text = await metrics.text();
  const of = (tenant: string) => valueIn(text, 'millrace_tenant_requests_total', { tenant });
  assert.deepEqual([of('tenant-0'), of('tenant-1'), of('tenant-2'), of('other')], [1, 1, undefined, 998]);
  assert.equal(valueIn(text, 'millrace_tenant_tokens_total', { tenant: 'other', type: 'output' }), 998 * 5);
});

test('of versions the series of those used last are kept, whatever the memory adds to their names', async () => {
  const metrics = create();
  const version = (number: number): string => `sha256:base+${number}`;
  for (let number = 0; number < 500; number++)
    for (const memory of ['', `+m${number}`])
      metrics.requests.record({ ...answered, version: version(number) + memory });
  const text = await metrics.text();
  const series = text.split('\n').filter((line) => line.startsWith('millrace_version_requests_total{'));
  assert.equal(series.length, 64);
  assert.equal(valueIn(text, 'millrace_version_requests_total', { version: version(499) }), 2);
  assert.equal(valueIn(text, 'millrace_version_requests_total', { version: version(0) }), undefined);
});

test('what engines count is a counter, and begins anew with them', async () => {
  let stats = { ...noStats, preemptions: 7, restarts: 1, prefixLookupTokens: 40, prefixHitTokens: 16 };
  const metrics = create({ engines: () => [{ model: 'm', version: 'v', stats, state: 'ready' }] });
  const first = await metrics.text();
  assert.match(first, /^# TYPE millrace_preemptions_total counter$/m);
  const names = ['preemptions', 'engine_restarts', 'prefix_lookup_tokens', 'prefix_hit_tokens'];
  const values = (text: string) => names.map((name) => valueIn(text, `millrace_${name}_total`));
  assert.deepEqual(values(first), [7, 1, 40, 16]);
  assert.deepEqual(values(await metrics.text()), [7, 1, 40, 16], 'a second look adds nothing');
  stats = { ...stats, preemptions: 0 };
  assert.equal(values(await metrics.text())[0], 0);
});

test('each step is one more of its size, of its time and of its prediction', async () => {
  const metrics = create();
  const step = { lastStepMs: 12, predictedStepMs: 10, batchTokens: 70, batchSequences: 7 };
  metrics.engines.recordStep('m', step);
  metrics.engines.recordStep('m', { ...step, batchSequences: 1 });
  const text = await metrics.text();
  assert.equal(valueIn(text, 'millrace_step_seconds_sum'), 0.024);
  assert.equal(valueIn(text, 'millrace_step_predicted_seconds_sum'), 0.02);
  assert.equal(valueIn(text, 'millrace_step_tokens_sum'), 140);
  assert.equal(valueIn(text, 'millrace_batch_sequences_bucket', { le: '4' }), 1);
  assert.equal(valueIn(text, 'millrace_batch_sequences_bucket', { le: '8' }), 2);
});

test('methods that clients make up are one label', async () => {
  const metrics = create();
  for (const method of ['GET', 'BREW', 'PROPFIND']) {
    metrics.http.began(method);
    if (method !== 'GET') metrics.http.ended({ method, route: '', status: 404, tookMs: 1 });
  }
  const text = await metrics.text();
  const active = (method: string) =>
    valueIn(text, 'http_server_active_requests', { http_request_method: method });
  assert.deepEqual([active('GET'), active('_OTHER'), active('BREW')], [1, 0, undefined]);
  const duration = 'http_server_request_duration_seconds_count';
  assert.equal(valueIn(text, duration, { http_request_method: '_OTHER' }), 2);
});

test('a row is fresh once: when the first version with it serves', async () => {
  const metrics = create();
  metrics.learning.recordFeedback({ id: 'r1', kind: 'correction', receivedMs: 1_000 });
  metrics.learning.recordFeedback({ id: 'r2', kind: 'rating', receivedMs: 2_000 });
  metrics.learning.recordServed(['r1', 'of-before-the-start'], 16_000);
  metrics.learning.recordServed(['r1'], 99_000);
  const text = await metrics.text();
  assert.equal(valueIn(text, 'millrace_feedback_freshness_seconds_sum'), 15);
  assert.equal(valueIn(text, 'millrace_feedback_freshness_seconds_count'), 1);
  assert.equal(valueIn(text, 'millrace_feedback_rows_total', { kind: 'rating' }), 1);
});

test('swaps that failed count, and leave no time', async () => {
  const metrics = create();
  const swap = { kind: 'adapter', move: 'promote', tookMs: 40, endedMs: 5_000 } as const;
  metrics.learning.recordSwap({ ...swap, result: 'ok' });
  metrics.learning.recordSwap({ ...swap, result: 'failed', endedMs: 9_000 });
  const text = await metrics.text();
  for (const result of ['ok', 'failed']) assert.equal(valueIn(text, 'millrace_swaps_total', { result }), 1);
  assert.equal(valueIn(text, 'millrace_swap_duration_seconds_count', { kind: 'adapter' }), 1);
  assert.equal(valueIn(text, 'millrace_last_swap_timestamp_seconds', { kind: 'adapter' }), 5);
});

test('aliases and the trainer are read when they are asked for, of as many tenants as are told apart', async () => {
  const alias = (tenant: string) => ({ model: 'm', tenant, alias: 'stable', version: 'v1' }) as const;
  const metrics = create({
    maxTenants: 1,
    learning: () => ({
      trainer: { state: 'ready', restarts: 3, hangs: 2 },
      aliases: [alias('a'), alias('b')],
      unkeptResponses: 2,
    }),
  });
  const text = await metrics.text();
  assert.equal(valueIn(text, 'millrace_version_info', { tenant: 'a', alias: 'stable', version: 'v1' }), 1);
  assert.equal(valueIn(text, 'millrace_version_info', { tenant: 'b' }), undefined);
  assert.equal(valueIn(text, 'millrace_trainer_state', { state: 'ready' }), 1);
  assert.equal(valueIn(text, 'millrace_trainer_restarts_total'), 3);
  assert.equal(valueIn(text, 'millrace_trainer_hangs_total'), 2);
  assert.equal(valueIn(text, 'millrace_unkept_responses_total'), 2);
});

test('a blocked event loop shows until the next scrape', async () => {
  const metrics = create();
  await metrics.text();
  await new Promise((resolve) => setTimeout(resolve, 30));
  const untilMs = performance.now() + 80;
  while (performance.now() < untilMs);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const lag = valueIn(await metrics.text(), 'millrace_event_loop_lag_seconds', { stat: 'max' })!;
  assert.ok(lag > 0.05 && lag < 1, `${lag} s`);
});

test('vLLM’s names come when they are asked for, with the same values and its labels', async () => {
  const stats = { ...noStats, numRunning: 3, cacheTokens: 25, cacheTokensMax: 100 };
  const engines = () => [{ model: 'm', version: 'v', stats, state: 'ready' as const }];
  const plain = create({ engines });
  assert.ok(!(await plain.text()).includes('vllm:'));
  const metrics = create({ engines, hasVllmNames: true });
  metrics.requests.record(answered);
  const text = await metrics.text();
  const model = { model_name: 'm' };
  assert.equal(valueIn(text, 'vllm:num_requests_running', model), 3);
  assert.equal(valueIn(text, 'vllm:kv_cache_usage_perc', model), 0.25);
  assert.equal(valueIn(text, 'vllm:request_success_total', { ...model, finished_reason: 'stop' }), 1);
  const bucket = { ...model, le: '0.1' };
  assert.equal(valueIn(text, 'vllm:time_to_first_token_seconds_bucket', bucket), 1);
  assert.match(text, /^# TYPE vllm:time_to_first_token_seconds histogram$/m);
  assert.match(text, /^# HELP vllm:num_requests_running Sequences in slots$/m);
});

test('of replicas it is told how many are behind, and of feedback what waits', async () => {
  const sent = {
    log: 'feedback',
    direction: 'sent',
    numLines: 1,
    isUp: false,
    numGaps: 0,
    numResends: 0,
  } as const;
  const unsent = { rows: 3, bytes: 900, oldestMs: Date.now() - 60_000 };
  const metrics = create({
    cluster: () => ({
      ...{ isUp: true, isLeader: null, replicas: [{ isReady: true }, { isReady: false }, { isReady: true }] },
      logs: [
        { ...sent, unsent },
        { ...sent, direction: 'received', unsent: null },
      ],
    }),
  });
  const text = await metrics.text();
  assert.equal(valueIn(text, 'millrace_cluster_replicas', { state: 'ready' }), 2);
  assert.equal(valueIn(text, 'millrace_cluster_replicas', { state: 'behind' }), 1);
  assert.equal(valueIn(text, 'millrace_cluster_unsent_rows', { log: 'feedback' }), 3);
  assert.equal(valueIn(text, 'millrace_cluster_unsent_bytes', { log: 'feedback' }), 900);
  const age = valueIn(text, 'millrace_cluster_unsent_age_seconds', { log: 'feedback' })!;
  assert.ok(age >= 60 && age < 70, String(age));
});

test('a server on its own says nothing of a Redis or of a learner', async () => {
  const text = await create().text();
  for (const name of ['millrace_redis_up', 'millrace_leader']) assert.equal(valueIn(text, name), undefined);
  const one = create({ cluster: () => ({ isUp: false, isLeader: null }) });
  assert.equal(valueIn(await one.text(), 'millrace_redis_up'), 0);
  assert.equal(valueIn(await one.text(), 'millrace_leader'), undefined);
});
