import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { Instruments } from './instruments.ts';
import { Metrics } from './metrics.ts';
import { otlpName } from './otlp-names.ts';
import { OtlpPoints } from './otlp-points.ts';

/** What OpenTelemetry's rules make of a name and a unit of OTLP. */
function prometheusName(name: string, unit: string, type: string): string {
  const suffix = { s: '_seconds', By: '_bytes', '1': type === 'gauge' ? '_ratio' : '', '': '' }[unit];
  assert.ok(suffix !== undefined, unit);
  return name.replaceAll('.', '_') + suffix + (type === 'counter' ? '_total' : '');
}

test('the rules for Prometheus lead from each name in OTLP to the one at /metrics, and no two are the same', () => {
  const { described } = new Metrics({ engines: () => [] });
  const names = new Set<string>();
  for (const { name, type } of described) {
    const { name: otlp, unit } = otlpName({ name, type });
    assert.equal(prometheusName(otlp, unit, type), name);
    names.add(otlp);
  }
  assert.equal(names.size, described.length);
});

test('a name of the conventions is theirs', () => {
  const type = 'histogram';
  assert.deepEqual(otlpName({ name: 'gen_ai_server_time_to_first_token_seconds', type }), {
    name: 'gen_ai.server.time_to_first_token',
    unit: 's',
  });
});

/** Since when each point counts, in milliseconds. */
const starts = (metrics: readonly MetricData[], name: string): number[] =>
  metrics
    .find(({ descriptor }) => descriptor.name === name)!
    .dataPoints.map(({ startTime: [seconds, nanoseconds] }) => seconds * 1_000 + nanoseconds / 1e6);

test('a counter that begins anew counts since the turn before, one that goes on since it was opened', async () => {
  const instruments = new Instruments();
  let engine = 5;
  instruments.readCounter({ name: 'millrace_engine_steps_total', help: 'x', labels: ['model'] }, () => [
    [{ model: 'a' }, engine],
  ]);
  const requests = instruments.counter({ name: 'millrace_requests_total', help: 'x', labels: [] });
  const points = new OtlpPoints(1_000);
  points.of(await instruments.read(), 2_000);
  engine = 3;
  requests.of().add();
  const restarted = points.of(await instruments.read(), 3_000);
  assert.deepEqual(starts(restarted, 'millrace.engine_steps'), [2_000]);
  assert.deepEqual(starts(restarted, 'millrace.requests'), [1_000]);
  engine = 4;
  assert.deepEqual(starts(points.of(await instruments.read(), 4_000), 'millrace.engine_steps'), [2_000]);
});

test('a histogram has its bounds, and how many lie between each two', async () => {
  const instruments = new Instruments();
  const about = {
    name: 'millrace_queue_wait_seconds',
    help: 'Wait',
    labels: ['model'],
    buckets: [0.5, 2],
  } as const;
  const bins = instruments.histogram(about).of('a');
  for (const value of [0.5, 1, 1.5, 9]) bins.observe(value);
  const [metric] = new OtlpPoints(0).of(await instruments.read(), 1);
  assert.equal(metric!.dataPointType, DataPointType.HISTOGRAM);
  const { unit, description } = metric!.descriptor;
  assert.deepEqual([unit, description], ['s', 'Wait']);
  const [point] = metric!.dataPoints;
  assert.deepEqual(point!.attributes, { model: 'a' });
  assert.deepEqual(point!.value, { buckets: { boundaries: [0.5, 2], counts: [1, 2, 1] }, sum: 12, count: 4 });
});

test('what has no series, and what is no number, is not sent', async () => {
  const instruments = new Instruments();
  instruments.readGauge({ name: 'millrace_none', help: 'x', labels: [] }, () => []);
  instruments.readGauge({ name: 'millrace_some_ratio', help: 'x', labels: ['of'] }, () => [
    [{ of: 'a' }, Number.NaN],
    [{ of: 'b' }, 0.5],
  ]);
  const metrics = new OtlpPoints(0).of(await instruments.read(), 1);
  assert.deepEqual(
    metrics.map(({ descriptor: { name, unit }, dataPoints }) => [name, unit, dataPoints.length]),
    [['millrace.some', '1', 1]],
  );
});
