import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { chartFile, type Labels, namespace, releaseName, render, withoutHelm } from './chart.ts';
import { valueSets } from './value-sets.ts';

const isHere = spawnSync('promtool', ['--version']).status === 0;
const skip = withoutHelm || (isHere ? false : 'promtool, of Prometheus, is not here');

const folder = mkdtempSync(join(tmpdir(), 'millrace-alerts-'));
after(() => rmSync(folder, { recursive: true }));

/** JSON is YAML. */
function write(name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

const find = (set: string, kind: string) => render(valueSets[set]!).find((each) => each.kind === kind)!;

test('Prometheus takes the rules, the queries of the dashboard and that of KEDA', { skip }, () => {
  const { panels } = JSON.parse(chartFile('dashboards/millrace.json')) as {
    panels: { targets: { expr: string }[] }[];
  };
  const queries = panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replace(/\$__\w+/g, '5m').replace(/\$(namespace|service)/g, 'x')),
  );
  queries.push(find('KEDA', 'ScaledObject').spec.triggers[0].metadata.query);
  const rules = queries.map((expr, at) => ({ record: `query_${at}`, expr }));
  promtool('check', 'rules', write('queries.yaml', { groups: [{ name: 'queries', rules }] }));
  promtool(
    'check',
    'rules',
    write('rules.yaml', find('followers with monitoring and keys', 'PrometheusRule').spec),
  );
});

interface Series {
  readonly series: string;
  /** As promtool writes them: "0+2x40" begins at 0 and grows by 2, forty times. */
  readonly values: string;
}

function series(name: string, labels: Labels, values: string): Series {
  const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return { series: `${name}{${text.join()}}`, values };
}

const ofPod = { namespace, service: `${releaseName}-millrace`, pod: 'p', model: 'm' };
const ready = series('millrace_engine_ready', ofPod, '1x40');

/** By alert, samples after twenty minutes of which it fires, one in half a minute; of the others none does. */
const causes: Readonly<Record<string, readonly Series[]>> = {
  MillraceDown: [],
  MillraceEngineNotReady: [series('millrace_engine_ready', ofPod, '0x40')],
  MillraceEngineRestarting: [ready, series('millrace_engine_restarts_total', ofPod, '0 1 2 3 4x37')],
  MillraceRefusing: [
    ready,
    series('millrace_requests_total', { ...ofPod, status: '200' }, '0+90x40'),
    series('millrace_requests_total', { ...ofPod, status: '429' }, '0+10x40'),
  ],
  MillraceFailing: [
    ready,
    series('millrace_requests_total', { ...ofPod, status: '200' }, '0+90x40'),
    series('millrace_requests_total', { ...ofPod, status: '500' }, '0+2x40'),
  ],
  MillraceSlowFirstToken: [
    ready,
    ...['2.5', '5', '+Inf'].map((le, at) =>
      series('gen_ai_server_time_to_first_token_seconds_bucket', { ...ofPod, le }, `0+${1 + at * 50}x40`),
    ),
  ],
  MillracePreempting: [ready, series('millrace_preemptions_total', ofPod, '0+1x40')],
  MillraceTrainerRestarting: [ready, series('millrace_trainer_restarts_total', ofPod, '0 1 2 3 4x37')],
  MillraceNotKeeping: [ready, series('millrace_unkept_responses_total', ofPod, '0x30 1x10')],
};

const leads = series('millrace_leader', ofPod, '1x40');

/** Those of servers that share, beside one that leads; the others are as they were. */
const causesAmongMany: typeof causes = {
  ...Object.fromEntries(Object.entries(causes).map(([alert, input]) => [alert, [...input, leads]])),
  MillraceRedisDown: [
    ready,
    leads,
    series('millrace_redis_up', ofPod, '0x40'),
    series('millrace_cluster_log_up', { ...ofPod, log: 'feedback', direction: 'sent' }, '0x40'),
  ],
  MillraceRedisFailing: [
    ready,
    leads,
    series('millrace_redis_failures_total', { ...ofPod, reason: 'down' }, '0+100x40'),
    series('millrace_redis_failures_total', { ...ofPod, reason: 'slow' }, '0+1x40'),
  ],
  MillraceNoLearner: [ready, series('millrace_leader', ofPod, '0x40')],
  MillraceNotCarrying: [
    ready,
    leads,
    series('millrace_redis_up', ofPod, '1x40'),
    series('millrace_cluster_log_up', { ...ofPod, log: 'feedback', direction: 'sent' }, '0x40'),
  ],
  MillraceGap: [
    ready,
    leads,
    series('millrace_cluster_gaps_total', { ...ofPod, log: 'feedback' }, '0x20 1x20'),
  ],
  MillraceReplicaBehind: [
    ready,
    leads,
    series('millrace_cluster_replicas', { ...ofPod, state: 'ready' }, '2x40'),
    series('millrace_cluster_replicas', { ...ofPod, state: 'behind' }, '0x10 1x30'),
  ],
  MillraceFeedbackWaiting: [
    ready,
    leads,
    series('millrace_cluster_unsent_rows', { ...ofPod, log: 'feedback' }, '1x40'),
    series('millrace_cluster_unsent_age_seconds', { ...ofPod, log: 'feedback' }, '0+30x40'),
  ],
};

const sets = { monitoring: causes, 'followers with monitoring and keys': causesAmongMany };

for (const [set, causesHere] of Object.entries(sets))
  test(`each alert fires when it should, and no other one does then, with ${set}`, { skip }, () => {
    const { spec } = find(set, 'PrometheusRule');
    const alerts: string[] = spec.groups[0].rules.map(({ alert }: { alert: string }) => alert);
    assert.deepEqual([...alerts].sort(), Object.keys(causesHere).sort());
    const tests = alerts.map((alert) => ({
      interval: '30s',
      input_series: causesHere[alert],
      promql_expr_test: alerts.map((other) => ({
        expr: `count(ALERTS{alertname="${other}",alertstate="firing"}) or vector(0)`,
        eval_time: '20m',
        exp_samples: [{ labels: '{}', value: other === alert ? 1 : 0 }],
      })),
    }));
    const rules = write('rules.yaml', spec);
    const file = write('tests.yaml', { rule_files: [rules], evaluation_interval: '30s', tests });
    promtool('test', 'rules', file);
  });
