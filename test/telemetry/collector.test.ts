/** What a real OpenTelemetry Collector receives of the real program. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { ReceivedSpan } from '../api/otlp-receiver.ts';
import { type Served, serve } from '../e2e/program.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { until } from '../until.ts';
import { Collector, noCollector, type OtlpMetric } from './collector.ts';
import { seriesIn } from './prometheus-text.ts';

const waitMs = 20_000;
const question = 'What turns the wheel of the mill at Brellmoor?';
const chatBody = {
  model: modelName,
  messages: [{ role: 'user', content: question }],
  max_tokens: 12,
  ignore_eos: true,
};
const answeredChats = `millrace_requests_total{model=${modelName},operation=chat,status=200}`;
const parent = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
/** Change while nobody asks for anything but metrics. */
const restless =
  /^(target_info|nodejs_active_handles|millrace_event_loop_lag_seconds|http_server_\w+)\{(?!.*(POST|http_route=\/v1))/;
/** Says who sent it, which a scrape adds by itself; the last is of the exporter. */
const ofSender = new Set([
  'job',
  'instance',
  'otel_scope_name',
  'otel_scope_version',
  'otel_scope_schema_url',
]);

const keys = { ann: 'key-of-ann', few: 'key-of-few', ada: 'key-of-ada' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a real collector', { skip: noCollector }, () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-collector-'));
  const answers: string[] = [];
  let collector: Collector;
  let served: Served;

  before(async () => {
    const model = new TinyModel(root);
    await model.import();
    const config = join(root, 'millrace.yaml');
    const list = [
      `{ name: ann, sha256: ${sha256(keys.ann)} }`,
      `{ name: few, sha256: ${sha256(keys.few)}, requestsPerMinute: 1 }`,
      `{ name: ada, sha256: ${sha256(keys.ada)}, scopes: [admin] }`,
    ];
    writeFileSync(config, `auth: { keys: [${list.join()}] }\n`);
    collector = await Collector.start();
    served = await serve(
      [
        ...['--config', config, '--port', '0', '--admin-port', '0', '--models-embeddings='],
        ...['--models-dir', model.modelsDir, '--model', modelName, '--learning-dir', join(root, 'state')],
        ...['--engine-max-context', '128', '--engine-threads', '1'],
        ...['--telemetry-otlp-endpoint', collector.url, '--telemetry-otlp-metrics-endpoint', collector.url],
        ...['--telemetry-otlp-metrics-interval-ms', '1000'],
      ],
      { cwd: root, startMs: waitMs },
    );
  });
  after(async () => {
    served?.child.kill('SIGKILL');
    await served?.exit;
    await collector?.close();
    rmSync(root, { recursive: true });
  });

  const chat = (key: keyof typeof keys, more: object, headers: Record<string, string> = {}) =>
    fetch(`${served.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${keys[key]}`, ...headers },
      body: JSON.stringify({ ...chatBody, ...more }),
      signal: AbortSignal.timeout(waitMs),
    });

  async function answered(call: Promise<Response>, status: number): Promise<Response> {
    const answer = await call;
    const text = await answer.text();
    assert.equal(answer.status, status, text);
    answers.push(text);
    return answer;
  }

  async function scrape(): Promise<Map<string, number>> {
    const headers = { authorization: `Bearer ${keys.ada}` };
    const answer = await fetch(`${served.adminUrl}/metrics`, {
      headers,
      signal: AbortSignal.timeout(waitMs),
    });
    assert.equal(answer.status, 200);
    return seriesIn(await answer.text());
  }

  const childrenOf = (spans: readonly ReceivedSpan[], { spanId }: ReceivedSpan): ReceivedSpan[] =>
    spans
      .filter(({ parentId }) => parentId === spanId)
      .sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);

  async function spansOf(traceId: string, num: number): Promise<ReceivedSpan[]> {
    const own = (): ReceivedSpan[] => collector.spans().filter((span) => span.traceId === traceId);
    await until(() => own().length >= num, `${num} spans of ${traceId} arrive`, waitMs);
    return own();
  }

  const traceOf = (answer: Response): string => answer.headers.get('traceresponse')!.split('-')[1]!;

  test('a stream is one trace that goes on from the client, with its phases below the inference', async () => {
    const traceparent = `00-${parent.traceId}-${parent.spanId}-01`;
    const answer = await answered(chat('ann', { stream: true }, { traceparent }), 200);
    assert.equal(traceOf(answer), parent.traceId);
    const spans = await spansOf(parent.traceId, 6);
    assert.equal(spans.length, 6);
    const [http] = spans.filter(({ parentId }) => parentId === parent.spanId);
    assert.deepEqual([http?.name, http?.kind], ['POST /v1/chat/completions', 2]);
    const [inference, ...others] = childrenOf(spans, http!);
    assert.deepEqual([inference?.name, others], [`chat ${modelName}`, []]);
    const phases = childrenOf(spans, inference!);
    assert.deepEqual(phases.map(({ name }) => name).sort(), ['decode', 'prefill', 'queue', 'stream']);
    for (const phase of phases) assert.deepEqual(childrenOf(spans, phase), []);
    assert.equal(http!.resource['service.name'], 'millrace');
  });

  test('attributes of an answer have the names of the conventions for generative AI', async () => {
    const answer = await answered(chat('ann', { temperature: 0.5, seed: 7 }), 200);
    const { id, usage } = JSON.parse(answers.at(-1)!);
    const spans = await spansOf(traceOf(answer), 5);
    assert.ok(!spans.some(({ name }) => name === 'stream'));
    const { attributes } = spans.find(({ name }) => name === `chat ${modelName}`)!;
    const expected = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'millrace',
      'gen_ai.request.model': modelName,
      'gen_ai.request.max_tokens': 12,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.seed': 7,
      'gen_ai.response.id': id,
      'gen_ai.response.model': modelName,
      'gen_ai.response.finish_reasons': ['length'],
      'gen_ai.usage.input_tokens': usage.prompt_tokens,
      'gen_ai.usage.output_tokens': usage.completion_tokens,
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(attributes[name], value, name);
  });

  test('what is refused says why, and was not beyond the queue', async () => {
    await answered(chat('few', {}), 200);
    const limited = await answered(chat('few', {}), 429);
    const spans = await spansOf(traceOf(limited), 2);
    const [http] = spans.filter(({ parentId }) => parentId === null);
    const [inference, ...others] = childrenOf(spans, http!);
    assert.equal(http!.attributes['http.response.status_code'], 429);
    assert.deepEqual([inference?.attributes['error.type'], inference?.isError], ['rate_limited', true]);
    const phases = childrenOf(spans, inference!).map(({ name }) => name);
    assert.deepEqual([others, phases], [[], ['queue']]);
  });

  test('what /metrics shows is what arrives, series by series, under the names that the rules for Prometheus make', async () => {
    const resting = (series: Map<string, number>): Record<string, number> =>
      Object.fromEntries([...series].filter(([key]) => !restless.test(key)).sort());
    let [ours, theirs]: Record<string, number>[] = [];
    await until(
      async () => {
        ours = resting(await scrape());
        theirs = resting(seriesIn(await collector.prometheusText(), ofSender));
        return isDeepStrictEqual(ours, theirs);
      },
      'both say the same',
      waitMs,
    ).catch(() => {});
    assert.deepEqual(theirs, ours);
    assert.equal(ours![answeredChats], 3);
    assert.ok(Object.keys(ours!).length > 300);
  });

  test('metrics have the conventions’ names, units, and are cumulative', async () => {
    const last = new Map<string, OtlpMetric>();
    for (const { resourceMetrics } of collector.metrics())
      for (const { scopeMetrics } of resourceMetrics)
        for (const { metrics } of scopeMetrics) for (const metric of metrics) last.set(metric.name, metric);
    const cumulative = 2;
    for (const name of ['request.duration', 'time_to_first_token', 'time_per_output_token']) {
      const metric = last.get(`gen_ai.server.${name}`);
      assert.deepEqual([metric?.unit, metric?.histogram?.aggregationTemporality], ['s', cumulative], name);
    }
    assert.equal(last.get('http.server.request.duration')?.unit, 's');
    const requests = last.get('millrace.requests')!;
    assert.deepEqual([requests.sum?.isMonotonic, requests.sum?.aggregationTemporality], [true, cumulative]);
    assert.ok(last.get('millrace.running_sequences')?.gauge !== undefined);
  });

  test('traces and metrics come of one instance', () => {
    const name = 'service.instance.id';
    const ofTraces = new Set(collector.spans().map(({ resource }) => resource[name]));
    const ofMetrics = new Set(
      collector
        .metrics()
        .flatMap(({ resourceMetrics }) => resourceMetrics)
        .map(({ resource }) => resource.attributes.find(({ key }) => key === name)?.value.stringValue),
    );
    assert.equal(ofTraces.size, 1);
    assert.deepEqual(ofMetrics, ofTraces);
  });

  test('no text of a prompt or an answer is in what arrived', () => {
    const text = collector.text();
    assert.ok(text.includes('gen_ai.usage.output_tokens'));
    for (const word of ['Brellmoor', 'wheel of the mill', ...Object.values(keys)])
      assert.ok(!text.includes(word), word);
    const { choices } = JSON.parse(answers[1]!);
    const { content } = choices[0].message;
    assert.ok(content.length > 3 && !text.includes(JSON.stringify(content).slice(1, -1)));
  });

  test('a collector that stands still, or is gone, changes nothing for who asks', async () => {
    for (const fail of [() => collector.signal('SIGSTOP'), () => collector.signal('SIGKILL')]) {
      fail();
      const endMs = performance.now() + 3_000;
      while (performance.now() < endMs) {
        const startMs = performance.now();
        await answered(chat('ann', {}), 200);
        assert.ok(performance.now() - startMs < 2_000);
      }
    }
    await until(() => /metrics: \d+ sets could not be sent/.test(served.said()), 'it is told', waitMs);
    await collector.stop();
    await collector.start();
    const counted = (await scrape()).get(answeredChats)!;
    await until(
      async () => seriesIn(await collector.prometheusText(), ofSender).get(answeredChats) === counted,
      'the next push has all that was counted meanwhile',
      waitMs,
    );
  });

  test('what was counted last is sent before the program ends', async () => {
    await answered(chat('ann', {}), 200);
    const count = (await scrape()).get(answeredChats)!;
    served.child.kill('SIGTERM');
    assert.equal(await served.exit, 0);
    assert.equal(seriesIn(await collector.prometheusText(), ofSender).get(answeredChats), count);
  });
});
