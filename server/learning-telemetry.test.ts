import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../core/errors.ts';
import { learningLayout } from '../core/registry/learning-layout.ts';
import { LearningTelemetry } from './learning-telemetry.ts';
import { Metrics } from './observability/metrics.ts';
import type { Tracing, Work } from './observability/tracing.ts';
import { publishFake } from './rollout/fake-versions.ts';
import type { AliasMove } from './rollout/watched-move.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-learning-telemetry-'));
after(() => rmSync(root, { recursive: true }));
const layout = learningLayout(root);
const about = { model: 'm', tenant: 't', base: 'sha256:base' };

function setUp() {
  const works: Work[] = [];
  const metrics = new Metrics({ engines: () => [] });
  const tracing = { work: (work: Work) => void works.push(work) } as unknown as Tracing;
  let nowMs = 1_000;
  const telemetry = new LearningTelemetry({
    metrics: metrics.learning,
    tracing,
    adapters: layout.adapters,
    now: () => nowMs,
  });
  const at = (ms: number): void => {
    nowMs = ms;
  };
  return { works, metrics, telemetry, at };
}

const nobody = { stable: null, canary: null, shadow: null };

const moveTo = (stable: string, endMs: number): AliasMove => ({
  ...about,
  verb: 'promote',
  before: nobody,
  after: { ...nobody, stable },
  adapter: stable,
  startMs: endMs - 20,
  endMs,
  error: null,
});

const publishedAt = (adapter: string, at = '1970-01-01T00:00:02.000Z') =>
  ({ ...about, type: 'published', at, adapter }) as const;

test('rows count as served with the version that has them, and with one built on it', async () => {
  const { metrics, telemetry } = setUp();
  const first = await publishFake(layout, { ...about, rows: ['r1'] });
  const second = await publishFake(layout, { ...about, rows: ['r2'], parent: first });
  for (const id of ['r1', 'r2'])
    metrics.learning.recordFeedback({ id, kind: 'correction', receivedMs: 1_000 });
  // The first was overtaken while it waited: it never served.
  telemetry.onMove(moveTo(second, 11_000));
  await telemetry.settled();
  const text = await metrics.text();
  assert.match(text, /^millrace_feedback_freshness_seconds_sum 20$/m);
  assert.match(text, /^millrace_feedback_freshness_seconds_count 2$/m);
  assert.match(text, /^millrace_swaps_total\{kind="adapter",move="promote",result="ok"\} 1$/m);
  assert.match(text, /^millrace_last_swap_timestamp_seconds\{kind="adapter"\} 11$/m);
});

test('what was learned and its swap are told in order, under one version', async () => {
  const { works, telemetry, at } = setUp();
  const id = await publishFake(layout, { ...about, rows: ['r1'] });
  at(0);
  telemetry.onTraining(true);
  at(1_000);
  telemetry.onTraining(false);
  telemetry.onEvent(publishedAt(id));
  telemetry.onMove(moveTo(id, 2_500));
  await telemetry.settled();
  assert.deepEqual(
    works.map(({ name, version, startMs, errorType }) => [name, version, startMs, errorType]),
    [
      ['learn', id, 0, null],
      ['swap adapter', id, 2_480, null],
    ],
  );
  assert.equal(works[0]!.attributes['millrace.rows'], 1);
  assert.equal(works[1]!.attributes['millrace.stable'], id);
});

test('verdicts count once, although an event that could not be served comes again', async () => {
  const { works, metrics, telemetry } = setUp();
  const at = '1970-01-01T00:00:02.000Z';
  const refused = { ...about, type: 'refused', at, rows: ['r'], checks: ['canaries', 'probes'] } as const;
  for (let attempt = 0; attempt < 3; attempt++) telemetry.onEvent(refused);
  telemetry.onEvent({ ...about, type: 'base', at, adapter: 'a', version: 'sha256:next' });
  // It never came to a gate.
  telemetry.onEvent({ ...about, type: 'base-refused', at, adapter: 'a', reason: 'gone', checks: [] });
  await telemetry.settled();
  const text = await metrics.text();
  const verdicts = text.split('\n').filter((line) => line.startsWith('millrace_gate_verdicts_total{'));
  assert.deepEqual(verdicts, [
    'millrace_gate_verdicts_total{model="m",kind="adapter",verdict="fail"} 1',
    'millrace_gate_verdicts_total{model="m",kind="base",verdict="pass"} 1',
  ]);
  assert.match(text, /^millrace_gate_failed_checks_total\{check="probes"\} 1$/m);
  assert.deepEqual(
    works.map(({ name, errorType }) => [name, errorType]),
    [
      ['learn', 'gate_refused'],
      ['consolidate', null],
      ['consolidate', 'gate_refused'],
    ],
  );
});

test('a swap that failed is told from one that was refused', async () => {
  const { works, metrics, telemetry } = setUp();
  const failed = (error: unknown) => ({ ...moveTo('x', 3_000), after: nobody, error });
  telemetry.onMove(failed(new MillraceError('engine_internal', { reason: 'no room' })));
  telemetry.onMove(failed(new MillraceError('version_not_found', { version: 'x' })));
  telemetry.onBaseMove({ model: 'm', version: 'sha256:next', tookMs: 500, error: new Error('gone') });
  await telemetry.settled();
  const text = await metrics.text();
  const swaps = text.split('\n').filter((line) => line.startsWith('millrace_swaps_total{'));
  assert.deepEqual(swaps.sort(), [
    'millrace_swaps_total{kind="adapter",move="promote",result="failed"} 1',
    'millrace_swaps_total{kind="adapter",move="promote",result="refused"} 1',
    'millrace_swaps_total{kind="base",move="base",result="failed"} 1',
  ]);
  const errors = works.map(({ name, errorType }) => `${name}: ${errorType}`).sort();
  assert.deepEqual(errors, [
    'swap adapter: engine_internal',
    'swap adapter: version_not_found',
    'swap base: internal_error',
  ]);
});

test('a version whose files are gone is not told, and what comes after it is', async () => {
  const { works, telemetry } = setUp();
  const id = await publishFake(layout, about);
  telemetry.onEvent(publishedAt('0123456789ab'));
  telemetry.onEvent(publishedAt(id));
  await telemetry.settled();
  assert.deepEqual(
    works.map(({ version }) => version),
    [id],
  );
});

test('time of training is counted while it lasts', async () => {
  const { metrics, telemetry, at } = setUp();
  at(Date.now() - 10_000);
  telemetry.onTraining(true);
  telemetry.onTraining(true);
  const during = await metrics.text();
  assert.match(during, /^millrace_trainer_training 1$/m);
  const seconds = Number(/^millrace_training_seconds_total (\S+)$/m.exec(during)![1]);
  assert.ok(seconds >= 10 && seconds < 15, `${seconds} s`);
  at(Date.now());
  telemetry.onTraining(false);
  telemetry.onTraining(false);
  assert.match(await metrics.text(), /^millrace_trainer_training 0$/m);
});
