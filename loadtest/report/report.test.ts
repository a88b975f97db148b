/** The forms of a report: made-up outcomes in, files out, read by others than those who wrote them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { repoRoot } from '../../test/root.ts';
import type { Outcome } from '../outcome.ts';
import type { Load } from '../rig.ts';
import { steady } from '../scenarios/steady.ts';
import { summarize } from '../summary.ts';
import { judge, parseThreshold } from '../threshold.ts';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import { exitCodeOf, failedOf, measuredOf, type Report } from './result.ts';
import { terminalReport } from './terminal.ts';

const targets = { ttftMs: 1000, tpotMs: 50 };
const nasty = '<script>alert("&")</script>';

/** Meant to start every 100 ms, first token after so many ms, then 10 tokens 10 ms apart. */
function outcome(index: number, ttftMs: number, more: Partial<Outcome> = {}): Outcome {
  const intendedMs = 5_000 + index * 100;
  const tokenMs = Array.from({ length: 10 }, (_, token) => intendedMs + ttftMs + 10 * token);
  return {
    ok: true,
    error: null,
    failure: null,
    status: 200,
    retryAfterMs: null,
    intendedMs,
    startMs: intendedMs + 1,
    endMs: tokenMs.at(-1)! + 5,
    tokenMs,
    promptTokens: 20,
    outputTokens: 10,
    fingerprints: [],
    ...more,
  };
}

const refused = {
  ok: false,
  failure: 'refused',
  error: nasty,
  status: 429,
  retryAfterMs: 300,
  tokenMs: [],
} as const;

function load(name: string, outcomes: readonly Outcome[]): Load {
  return { name, description: `${name} ${nasty}`, outcomes, summary: summarize(outcomes, targets) };
}

const outcomes = [
  ...Array.from({ length: 100 }, (_, index) => outcome(index, 10 + index)),
  outcome(100, 0, refused),
];

function reportOf(...texts: string[]): Report {
  const loads = [load('closed', outcomes), load('empty', [])];
  const figures = [{ path: 'own', value: null, unit: 'ratio' } as const];
  const measured = measuredOf(steady, 12.5, { loads, figures });
  const verdicts = texts.flatMap((text) => judge(parseThreshold(text), [measured]));
  const scenarios = [{ ...measured, verdicts }];
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    seconds: 13,
    urls: ['http://127.0.0.1:1/v1'],
    model: `model ${nasty}`,
    profile: 'smoke',
    targets,
    seed: 1,
    machine: 'here',
    problems: [],
    exitCode: exitCodeOf({ scenarios, problems: [] }),
    scenarios,
  };
}

test('figures are those of the outcomes: counted from the intended start, over the answered ones', () => {
  const { summary, figures } = reportOf().scenarios[0]!.loads[0]!;
  const measuredAt = (path: string) => figures.find((figure) => figure.path === path)!.value!;
  const near = (value: number, wanted: number, within: number): void =>
    assert.ok(Math.abs(value - wanted) <= within, `${value}, not ${wanted}`);
  near(measuredAt('ttft.p50'), 59.5, 0.6);
  near(measuredAt('ttft.p99'), 108.5, 0.6);
  near(measuredAt('ttft.max'), 109, 0.2);
  near(measuredAt('interToken.p99'), 10, 0.02);
  near(measuredAt('latency.max'), 109 + 90 + 5, 0.3);
  near(measuredAt('late.p99'), 1, 0.01);
  assert.equal(measuredAt('requests'), 101);
  near(measuredAt('failed.share'), 1 / 101, 1e-9);
  assert.deepEqual(summary.failures, { refused: 1 });
  near(summary.outputTokensPerSecond, 1000 / summary.seconds, 1e-6);
});

test('the timeline loses no token and no failure', () => {
  const { timeline } = reportOf().scenarios[0]!;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum(timeline!.tokensPerSecond) * timeline!.bucketSeconds - 1000) < 1e-6);
  assert.equal(sum(timeline!.failures.refused!), 1);
  assert.equal(sum(timeline!.starts.closed!), 101);
});

test('result.json is what its schema says', () => {
  const schema = JSON.parse(
    readFileSync(join(repoRoot, 'docs', 'loadtest-result.schema.json'), 'utf8'),
  ) as object;
  const validate = new Ajv2020({ strict: false }).compile(schema);
  const report = reportOf('steady.ttft.p99<=500ms');
  const scenarios = [...report.scenarios, { ...failedOf(steady, 1, 'it broke'), verdicts: [] }];
  const written: unknown = JSON.parse(JSON.stringify({ ...report, scenarios }));
  assert.ok(validate(written), JSON.stringify(validate.errors));
  assert.ok(!validate({ ...report, more: 1 }));
});

test('the exit code tells met from missed from not run', () => {
  const ofLoads = 'steady.closed.ttft.p99';
  assert.equal(reportOf(`${ofLoads}<=500ms`).exitCode, 0);
  assert.equal(reportOf(`${ofLoads}<=500ms`, `${ofLoads}<=100ms`).exitCode, 1);
  assert.equal(reportOf('steady.own>=1x').exitCode, 1, 'what was not measured is missed');
  const scenarios = [{ ...failedOf(steady, 1, 'it broke'), verdicts: [] }];
  assert.equal(exitCodeOf({ scenarios, problems: [] }), 2);
  assert.equal(exitCodeOf({ scenarios: [], problems: ['a threshold on nothing'] }), 2);
});

test('the page needs nothing else, and holds no markup of what it was told', () => {
  const page = htmlReport(reportOf('steady.closed.ttft.p99<=100ms'));
  assert.ok(!page.includes('<script'));
  assert.doesNotMatch(page, /(?:src|href)="(?!#)|url\(|@import/);
  assert.equal(page.match(/<svg /g)!.length, 6);
  assert.ok(!/NaN|undefined|Infinity/.test(page));
  const opened = [...page.matchAll(/<(\w+)(?:\s[^>]*[^/])?>/g)].map((match) => match[1]!);
  const closed = [...page.matchAll(/<\/(\w+)>/g)].map((match) => match[1]!);
  const count = (names: readonly string[]) =>
    Object.fromEntries(
      [...new Set(names)].sort().map((name) => [name, names.filter((each) => each === name).length]),
    );
  const isPaired = (name: string): boolean => !['meta', 'doctype'].includes(name);
  assert.deepEqual(count(opened.filter(isPaired)), count(closed));
});

test('terminal, Markdown and JUnit name what was missed', () => {
  const report = reportOf('steady.closed.ttft.p99<=100ms', 'steady.closed.ttft.p50<=100ms');
  assert.match(
    terminalReport(report),
    /MISSED steady\.closed\.ttft\.p99<=100ms {3}steady\.closed\.ttft\.p99 = 10\d ms/,
  );
  assert.match(
    markdownReport(report),
    /\| steady\.closed\.ttft\.p99&lt;=100ms \| 10\d ms \| \*\*missed\*\* \|/,
  );
  const xml = junitReport(report);
  assert.match(xml, /<testsuites name="loadtest" tests="2" failures="1" errors="0"/);
  assert.match(xml, /<failure message="steady\.closed\.ttft\.p99 is 10\d ms"\/>/);
});
