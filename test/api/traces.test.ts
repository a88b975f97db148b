/** Traces as a collector gets them: who is whose parent, by which names, and what is never among them. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { openTracing } from '../../server/observability/open-tracing.ts';
import type { TracingOptions } from '../../server/observability/tracing.ts';
import { type Gateway, type GatewayOptions, modelId, post, startGateway } from './gateway.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function receive(answer?: 'never'): Promise<OtlpReceiver> {
  const receiver = await startOtlpReceiver(answer);
  open.push(receiver);
  return receiver;
}

interface Traced extends Gateway {
  readonly warnings: readonly string[];
  /** Sends what was traced; nothing is traced afterwards. */
  flush(): Promise<void>;
}

async function start(
  endpoint: string,
  options: Partial<TracingOptions> = {},
  gatewayOptions: GatewayOptions = {},
): Promise<Traced> {
  const warnings: string[] = [];
  const tracing = await openTracing({
    endpoint,
    serviceName: 'millrace-test',
    serviceVersion: '1.2.3',
    sampleRatio: 1,
    hasContent: false,
    nowMs: () => systemClock.nowMs(),
    warn: (message) => void warnings.push(message),
    ...options,
  });
  const gateway = await startGateway({ ...gatewayOptions, tracing });
  open.push(gateway);
  const flush = async (): Promise<void> => {
    // The server hears of the end of an answer a moment after its client.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await tracing.close();
  };
  return { ...gateway, warnings, flush };
}

const question = 'What turns the wheel of the mill at Brellmoor?';
const chat = {
  model: modelId,
  messages: [{ role: 'user', content: question }],
  max_tokens: 6,
  temperature: 0,
  seed: 7,
  ignore_eos: true,
};

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, 1, `one span "${name}" of ${spans.map((span) => span.name).join(', ')}`);
  return found[0]!;
};

async function eventually(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, 'in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a stream is one trace: HTTP, inference, and the phases below it, one after the other', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url, {}, { stepMs: 2 });
  const answer = await post(`${gateway.url}/v1/chat/completions`, { ...chat, stream: true });
  const text = await answer.text();
  assert.match(text, /\[DONE\]/);
  await gateway.flush();
  const { spans } = receiver;
  const http = named(spans, 'POST /v1/chat/completions');
  const inference = named(spans, `chat ${modelId}`);
  assert.deepEqual([http.kind, http.parentId, http.isError], [2, null, false]);
  assert.deepEqual([inference.kind, inference.parentId], [1, http.spanId]);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  assert.equal(answer.headers.get('traceresponse'), `00-${http.traceId}-${http.spanId}-01`);
  const phases = ['queue', 'prefill', 'decode', 'stream'].map((name) => named(spans, name));
  for (const phase of phases) assert.equal(phase.parentId, inference.spanId, phase.name);
  const [queue, prefill, decode, stream] = phases as [ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan];
  assert.deepEqual([queue.endMs, prefill.endMs], [prefill.startMs, decode.startMs]);
  assert.equal(stream.startMs, decode.startMs);
  assert.ok(decode.endMs - decode.startMs >= 5 * 2 * 0.9, 'five steps of 2 ms');
  for (const span of spans) {
    assert.ok(
      span.startMs >= http.startMs - 0.01 && span.endMs <= http.endMs + 0.01,
      `${span.name} is within`,
    );
    assert.ok(Math.abs(span.startMs - Date.now()) < 10_000, 'its clock is the world’s');
  }
});

test('attributes have the conventions’ names and the request’s values', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url);
  const body = { ...chat, n: 2, top_k: 5, stop: ['zzzz'], top_p: 0.9, frequency_penalty: 0.5 };
  const answer = await post(`${gateway.url}/v1/chat/completions`, body, { 'user-agent': 'test/1' });
  const { id } = (await answer.json()) as { id: string };
  await gateway.flush();
  const { attributes } = named(receiver.spans, `chat ${modelId}`);
  const { 'gen_ai.response.time_to_first_chunk': firstChunk, ...others } = attributes;
  assert.ok(typeof firstChunk === 'number' && firstChunk > 0 && firstChunk < 10);
  const inputTokens = others['gen_ai.usage.input_tokens'];
  assert.ok(typeof inputTokens === 'number' && inputTokens > 5);
  assert.deepEqual(others, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'millrace',
    'gen_ai.request.model': modelId,
    'gen_ai.request.stream': false,
    'gen_ai.request.max_tokens': 6,
    'gen_ai.request.temperature': 0,
    'gen_ai.request.top_p': 0.9,
    'gen_ai.request.top_k': 5,
    'gen_ai.request.frequency_penalty': 0.5,
    'gen_ai.request.presence_penalty': 0,
    'gen_ai.request.seed': 7,
    'gen_ai.request.choice.count': 2,
    'gen_ai.request.stop_sequences': ['zzzz'],
    'gen_ai.response.id': id,
    'gen_ai.response.model': modelId,
    'gen_ai.response.finish_reasons': ['length', 'length'],
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': 12,
    'gen_ai.usage.cache_read.input_tokens': others['gen_ai.usage.cache_read.input_tokens'],
    'millrace.version': gateway.model.version,
  });
  const http = named(receiver.spans, 'POST /v1/chat/completions');
  assert.deepEqual(http.attributes, {
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'url.path': '/v1/chat/completions',
    'url.scheme': 'http',
    'user_agent.original': 'test/1',
    'http.response.status_code': 200,
  });
  assert.equal(http.resource['service.name'], 'millrace-test');
  assert.equal(http.resource['service.version'], '1.2.3');
});

test('a request goes on with the trace that it comes with, and its log lines name the span', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url);
  const [traceId, parentId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const headers = { traceparent: `00-${traceId}-${parentId}-01` };
  const body = { model: modelId, prompt: 'hello', max_tokens: 2, ignore_eos: true };
  await (await post(`${gateway.url}/v1/completions`, body, headers)).json();
  await gateway.flush();
  const http = named(receiver.spans, 'POST /v1/completions');
  assert.deepEqual([http.traceId, http.parentId], [traceId, parentId]);
  named(receiver.spans, `text_completion ${modelId}`);
  const line = gateway.log.map((text) => JSON.parse(text)).find(({ msg }) => msg === 'generation');
  assert.deepEqual([line.trace_id, line.span_id], [traceId, http.spanId]);
});

test('what is not sampled is not sent, and its log lines still name the trace', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url, { sampleRatio: 0 });
  const body = { model: modelId, prompt: 'hello', max_tokens: 2, ignore_eos: true };
  const answer = await post(`${gateway.url}/v1/completions`, body);
  assert.match(answer.headers.get('traceresponse')!, /-00$/);
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  await post(`${gateway.url}/v1/completions`, body, headers);
  await gateway.flush();
  assert.deepEqual([...new Set(receiver.spans.map((span) => span.traceId))], [traceId]);
  const lines = gateway.log.map((text) => JSON.parse(text)).filter(({ msg }) => msg === 'generation');
  for (const { trace_id } of lines) assert.match(trace_id, /^[0-9a-f]{32}$/);
});

test('no text of a prompt or an answer is sent, unless that is configured', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url);
  const answer = await post(`${gateway.url}/v1/chat/completions`, chat);
  const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
  const { content } = choices[0]!.message;
  await gateway.flush();
  assert.ok(receiver.spans.length > 0);
  const sent = receiver.bodies.join();
  for (const word of ['Brellmoor', 'wheel', 'gen_ai.input.messages', 'gen_ai.output.messages'])
    assert.ok(!sent.includes(word), word);
  assert.ok(content.length > 3 && !sent.includes(JSON.stringify(content).slice(1, -1)));

  const other = await receive();
  const telling = await start(other.url, { hasContent: true });
  await (await post(`${telling.url}/v1/chat/completions`, chat)).json();
  await telling.flush();
  const { attributes } = named(other.spans, `chat ${modelId}`);
  assert.deepEqual(JSON.parse(String(attributes['gen_ai.input.messages'])), [
    { role: 'user', parts: [{ type: 'text', content: question }] },
  ]);
  assert.deepEqual(JSON.parse(String(attributes['gen_ai.output.messages'])), [
    { role: 'assistant', parts: [{ type: 'text', content }], finish_reason: 'length' },
  ]);
});

test('failures name their type: what was refused, what broke, who left', async () => {
  const receiver = await receive();
  let isBroken = false;
  const onStep = (): void => {
    if (isBroken) throw new Error('a fault');
  };
  const gateway = await start(receiver.url, {}, { onStep, stepMs: 2, maxContext: 4_096 });
  const body = { model: modelId, prompt: 'hello', max_tokens: 3_000, ignore_eos: true };
  assert.equal((await post(`${gateway.url}/v1/completions`, { ...body, prompt: '' })).status, 400);
  gateway.engine.setState('restarting');
  assert.equal((await post(`${gateway.url}/v1/completions`, body)).status, 503);
  gateway.engine.setState('ready');
  const leaving = connect(gateway.port, '127.0.0.1');
  const json = JSON.stringify({ ...body, stream: true });
  leaving.write(
    `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
  );
  await new Promise((resolve) => leaving.once('data', resolve));
  leaving.destroy();
  await eventually(() => gateway.log.filter((line) => line.includes('"client_left"')).length === 1);
  isBroken = true;
  assert.equal((await post(`${gateway.url}/v1/completions`, body)).status, 503);
  await gateway.flush();
  const http = receiver.spans.filter(({ name }) => name === 'POST /v1/completions');
  const status = 'http.response.status_code';
  assert.deepEqual(
    http.map(({ attributes, isError }) => [
      attributes[status] ?? null,
      attributes['error.type'] ?? null,
      isError,
    ]),
    [
      [400, null, false],
      [503, '503', true],
      [null, 'client_left', true],
      [503, '503', true],
    ],
  );
  const inferences = receiver.spans.filter(({ name }) => name === `text_completion ${modelId}`);
  assert.deepEqual(
    inferences.map(({ attributes, isError }) => [attributes['error.type'], isError]),
    [
      ['engine_unavailable', true],
      ['client_left', true],
      ['engine_failed', true],
    ],
  );
});

test('no path of a client is a name, and probes and scrapes are not traced', async () => {
  const receiver = await receive();
  const gateway = await start(receiver.url);
  await (await fetch(`${gateway.url}/v1/secret-of-a-client?key=x`)).text();
  await (await fetch(`${gateway.url}/v1/feedback/some-id`)).text();
  for (const probe of ['metrics', 'health/live', 'health/ready'])
    await (await fetch(`${gateway.url}/${probe}`)).text();
  await gateway.flush();
  assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), ['GET', 'GET /v1/feedback/:id']);
  assert.equal(named(receiver.spans, 'GET').attributes['http.route'], undefined);
  assert.ok(!receiver.bodies.join().includes('key=x'), 'queries are not sent');
});

test('a collector that is away costs requests nothing, and one warning', async () => {
  const away = await startOtlpReceiver();
  await away.close();
  const gateway = await start(`${away.url.replace('http://', 'http://user:secret@')}`);
  for (let request = 0; request < 20; request++) {
    const body = { model: modelId, prompt: 'hello', max_tokens: 2, ignore_eos: true };
    const startMs = performance.now();
    assert.equal((await post(`${gateway.url}/v1/completions`, body)).status, 200);
    assert.ok(performance.now() - startMs < 1_000);
  }
  const startMs = performance.now();
  await gateway.flush();
  assert.ok(performance.now() - startMs < 2_500, 'closing waits two seconds at most');
  assert.ok(gateway.warnings.length <= 1);
  for (const warning of gateway.warnings) assert.doesNotMatch(warning, /secret/);
});

test('a collector that takes and does not answer does not hold up the end', async () => {
  const silent = await receive('never');
  const gateway = await start(silent.url);
  const body = { model: modelId, prompt: 'hello', max_tokens: 2, ignore_eos: true };
  assert.equal((await post(`${gateway.url}/v1/completions`, body)).status, 200);
  const startMs = performance.now();
  await gateway.flush();
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs > 1_500 && tookMs < 2_500, `${tookMs} ms`);
});
