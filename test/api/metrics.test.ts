/** What /metrics says after requests, and that clients cannot make it grow. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import type { ApiKey } from '../../server/http/auth.ts';
import { type Gateway, type GatewayOptions, modelId, post, startGateway } from './gateway.ts';

const open: Gateway[] = [];
afterEach(() => Promise.all(open.splice(0).map((gateway) => gateway.close())));

async function start(options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = await startGateway(options);
  open.push(gateway);
  return gateway;
}

const body = { model: modelId, prompt: 'hello', max_tokens: 5, temperature: 0, ignore_eos: true };

async function metricsOf({ adminUrl }: Gateway, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${adminUrl}/metrics`, { headers });
  assert.match(answer.headers.get('content-type')!, /^text\/plain/);
  return answer.text();
}

/** Sum over all samples of the name that have these labels. */
function sum(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => pairs.every((pair) => line.includes(pair)))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (!(await condition())) {
    assert.ok(performance.now() < endMs, 'in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Sends a request for a long stream, and returns the socket that it came by. */
function stream({ port }: Gateway, more: object = {}) {
  const json = JSON.stringify({ ...body, max_tokens: 400, stream: true, ...more });
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
  return socket;
}

test('answers count as requests, tokens, times and HTTP', async () => {
  const gateway = await start({ stepMs: 2 });
  for (let n = 0; n < 3; n++) await (await post(`${gateway.url}/v1/completions`, body)).json();
  await (await fetch(`${gateway.url}/v1/nowhere/${'x'.repeat(100)}`)).text();
  const text = await metricsOf(gateway);
  assert.equal(sum(text, 'millrace_requests_total', { operation: 'text_completion', status: '200' }), 3);
  assert.equal(sum(text, 'millrace_tokens_total', { type: 'output' }), 15);
  assert.equal(sum(text, 'millrace_inter_token_seconds_count'), 3 * 4);
  const gaps = sum(text, 'millrace_inter_token_seconds_sum');
  assert.ok(gaps >= 12 * 0.0018 && gaps < 12 * 0.1, `${gaps} s`);
  assert.equal(sum(text, 'millrace_finished_total', { reason: 'length' }), 3);
  const http = 'http_server_request_duration_seconds_count';
  const route = { http_route: '/v1/completions', http_response_status_code: '200' };
  assert.equal(sum(text, http, { ...route, http_request_method: 'POST' }), 3);
  assert.equal(sum(text, http, { http_route: '', http_response_status_code: '404' }), 1);
  assert.ok(!text.includes('nowhere'), 'paths of clients are no labels');
  // The one that asks.
  assert.equal(sum(text, 'http_server_active_requests'), 1);
  assert.equal(sum(text, 'millrace_engine_steps_total'), 3 * 5);
});

test('who leaves is counted by how far the request had come', async () => {
  const prefill = { chunks: 0 };
  const gateway = await start({
    numSlots: 1,
    stepMs: 15,
    maxContext: 2_048,
    onStep: ({ chunk }) => void (prefill.chunks += chunk === null ? 0 : 1),
  });
  const cancelled = async (phase: string) =>
    sum(await metricsOf(gateway), 'millrace_cancelled_total', { phase, reason: 'client_left' });
  const decoding = stream(gateway);
  await new Promise((resolve) => decoding.once('data', resolve));
  const queued = stream(gateway);
  await eventually(() => gateway.engine.stats().numWaiting === 1);
  queued.destroy();
  await eventually(async () => (await cancelled('queued')) === 1);
  decoding.destroy();
  await eventually(async () => (await cancelled('decode')) === 1);
  await eventually(() => gateway.engine.stats().numRunning === 0);
  // Prompts of many chunks, of which the first has been computed.
  prefill.chunks = 0;
  const prompt = Array.from({ length: 1_500 }, (_, index) => 5 + (index % 50));
  const filling = stream(gateway, { prompt });
  await eventually(() => prefill.chunks >= 2);
  filling.destroy();
  await eventually(async () => (await cancelled('prefill')) === 1);
  assert.equal(sum(await metricsOf(gateway), 'millrace_cancelled_total'), 3);
  assert.equal(sum(await metricsOf(gateway), 'millrace_requests_total', { status: '499' }), 3);
});

test('a request whose time is over, and one whose stream failed, are no answers', async () => {
  let isBroken = false;
  const onStep = (): void => {
    if (isBroken) throw new Error('a fault');
  };
  const gateway = await start({ stepMs: 10, maxContext: 1_024, onStep, limits: { requestMs: 100 } });
  assert.equal((await post(`${gateway.url}/v1/completions`, { ...body, max_tokens: 900 })).status, 503);
  const text = await metricsOf(gateway);
  assert.equal(sum(text, 'millrace_cancelled_total', { phase: 'decode', reason: 'deadline' }), 1);
  await eventually(() => gateway.engine.stats().numRunning === 0);
  const socket = stream(gateway);
  await new Promise((resolve) => socket.once('data', resolve));
  isBroken = true;
  await eventually(
    async () => sum(await metricsOf(gateway), 'millrace_requests_total', { status: '503' }) === 2,
  );
  socket.destroy();
  const after = await metricsOf(gateway);
  assert.equal(sum(after, 'millrace_version_requests_total', { outcome: 'ok' }), 0);
  assert.equal(sum(after, 'millrace_tokens_total'), 0);
});

test('refusals are counted by their reason', async () => {
  const sha256 = createHash('sha256').update('key').digest('hex');
  const key: ApiKey = {
    name: 'a',
    sha256,
    scopes: ['inference', 'admin'],
    requestsPerMinute: 1,
    tokensPerMinute: 0,
    maxConcurrent: 0,
  };
  const gateway = await start({ keys: [key], numSlots: 1, limits: { maxWaiting: 0 } });
  const headers = { authorization: 'Bearer key' };
  const ask = async (more: object = {}): Promise<number> =>
    (await post(`${gateway.url}/v1/completions`, { ...body, ...more }, headers)).status;
  assert.equal(await ask(), 200);
  assert.equal(await ask({ n: 2 }), 429);
  gateway.engine.setState('restarting');
  assert.equal(await ask(), 503);
  gateway.engine.setState('ready');
  assert.equal(await ask(), 429);
  assert.equal((await post(`${gateway.url}/v1/completions`, body)).status, 401);
  const text = await metricsOf(gateway, headers);
  for (const reason of ['queue_full', 'engine_unavailable', 'rate_limited'])
    assert.equal(sum(text, 'millrace_shed_total', { model: modelId, reason }), 1, reason);
  assert.equal(sum(text, 'millrace_tenant_requests_total', { tenant: 'a', outcome: 'refused' }), 2);
  const http = 'http_server_request_duration_seconds_count';
  assert.equal(sum(text, http, { http_response_status_code: '401' }), 1);
});

test('tenants beyond the bound are told together', async () => {
  const keys = Array.from({ length: 5 }, (_, index): ApiKey => {
    const sha256 = createHash('sha256').update(`key-${index}`).digest('hex');
    const limits = { requestsPerMinute: 0, tokensPerMinute: 0, maxConcurrent: 0 };
    return { name: `tenant-${index}`, sha256, scopes: ['inference', 'admin'], ...limits };
  });
  const gateway = await start({ keys, metrics: { maxTenants: 2 } });
  for (const index of keys.keys()) {
    const headers = { authorization: `Bearer key-${index}` };
    assert.equal((await post(`${gateway.url}/v1/completions`, body, headers)).status, 200);
  }
  const text = await metricsOf(gateway, { authorization: 'Bearer key-0' });
  const of = (tenant: string) => sum(text, 'millrace_tenant_requests_total', { tenant });
  assert.deepEqual(['tenant-0', 'tenant-1', 'tenant-2', 'other'].map(of), [1, 1, 0, 3]);
});

test('nothing is traced, and no header says so, where no collector is configured', async () => {
  const gateway = await start();
  const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
  const answer = await post(`${gateway.url}/v1/completions`, body, headers);
  assert.equal(answer.headers.get('traceresponse'), null);
  await answer.json();
  assert.ok(!gateway.log.some((line) => line.includes('trace_id')));
});
