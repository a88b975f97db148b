import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { settings } from '../../server/config/declaration.ts';
import { repoRoot } from '../root.ts';
import { chartFile, defaultValues, templates } from './chart.ts';
import { refusedBySchema, refusedTogether, valueSets } from './value-sets.ts';
import type { Values } from './values.ts';
import { chartSettings, readSettings, valuesSchema } from './values-schema.ts';

const document = (name: string): string => readFileSync(join(repoRoot, 'docs', name), 'utf8');
const isValid = new Ajv({ strict: false }).compile(valuesSchema());

/** As Helm lays values over the defaults: maps are merged, and null takes away. */
function over(below: Values, above: Values): Values {
  const merged = new Map(Object.entries(below));
  for (const [name, value] of Object.entries(above)) {
    const old = merged.get(name);
    if (value === null) merged.delete(name);
    else merged.set(name, isMap(old) && isMap(value) ? over(old, value) : value);
  }
  return Object.fromEntries(merged);
}

const isMap = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

test('the schema takes the default values, and every set that is rendered', () => {
  for (const [name, values] of Object.entries({ ...valueSets, defaults: {} }))
    assert.ok(isValid(over(defaultValues, values)), `${name}: ${JSON.stringify(isValid.errors)}`);
  for (const [name, [values]] of Object.entries(refusedTogether))
    assert.ok(isValid(over(defaultValues, values)), `${name} is for the templates to refuse`);
});

test('the schema refuses what is unknown, of another type or out of bounds', () => {
  for (const [name, values] of Object.entries(refusedBySchema))
    assert.ok(!isValid(over(defaultValues, values)), name);
});

test('every value has a default and a place in the schema', () => {
  const { properties } = valuesSchema() as { properties: Values };
  const { global: _, ...own } = properties;
  assert.deepEqual(Object.keys(defaultValues).sort(), Object.keys(own).sort());
});

test("settings that stand among the values have the server's own defaults", () => {
  const given = Object.entries(defaultValues.config as Record<string, Values>).flatMap(([section, keys]) =>
    Object.entries(keys).map(([key, value]) => [`${section}.${key}`, value] as const),
  );
  assert.deepEqual(given.map(([name]) => name).sort(), [...readSettings].sort());
  for (const [name, value] of given)
    assert.equal(value, settings[name as keyof typeof settings].default, name);
  for (const name of chartSettings) assert.ok(Object.hasOwn(settings, name), name);
});

test('the chart has the version of the program', () => {
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { version: string };
  assert.equal((parse(chartFile('Chart.yaml')) as { appVersion: string }).appVersion, version);
});

/** Names that Prometheus knows, those of histograms' parts among them. */
function seriesNames(): Set<string> {
  const rows = [...document('metrics.md').matchAll(/^\| `([a-z_]+)` \| (\w+) \|/gm)];
  return new Set(
    rows.flatMap(([, name, type]) =>
      type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name!],
    ),
  );
}

test('rules, dashboard and autoscalers ask for metrics that there are', () => {
  const known = seriesNames();
  const sources = { ...templates, 'millrace.json': chartFile('dashboards/millrace.json') };
  const asked = Object.entries(sources).flatMap(([file, text]) =>
    [...text.matchAll(/\b(?:millrace|gen_ai)_[a-z_]+/g)].map(([name]) => `${file}: ${name}`),
  );
  assert.ok(new Set(asked).size > 20, 'they were found');
  assert.deepEqual(
    asked.filter((line) => !known.has(line.split(': ')[1]!)),
    [],
  );
});

test('alerts lead to headings of the runbook, and each of those has its alert', () => {
  const headings = [...document('runbook.md').matchAll(/^#+ (Millrace\w+)$/gm)].map((match) => match[1]!);
  const rule = templates['prometheusrule.yaml']!;
  const alerts = [...rule.matchAll(/alert: (\w+)/g)].map((match) => match[1]!);
  const anchors = [...rule.matchAll(/#(\w+)$/gm)].map((match) => match[1]!);
  assert.ok(alerts.length >= 5);
  assert.deepEqual([...headings].sort(), [...alerts].sort());
  assert.deepEqual(
    anchors,
    alerts.map((alert) => alert.toLowerCase()),
  );
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

test('the dashboard is JSON, each panel asks for something, and none lies on another', () => {
  const { panels } = JSON.parse(chartFile('dashboards/millrace.json')) as { panels: readonly Panel[] };
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  );
  assert.equal(new Set(cells).size, cells.length);
  for (const { title, gridPos, targets } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24 && targets.length > 0, title);
    for (const { expr } of targets) assert.match(expr, /namespace="\$namespace",service="\$service"/, title);
  }
});

test('every value is read by a template', () => {
  const text = Object.values(templates).join('\n');
  const unread = Object.keys(defaultValues).filter(
    (name) =>
      !text.includes(`.Values.${name}`) && !text.includes(`"${name}"`) && !text.includes(` .${name}.`),
  );
  assert.deepEqual(unread, []);
});
