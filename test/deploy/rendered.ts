/** What helm makes of the sets of values, each rendered once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Config } from '../../server/config/declaration.ts';
import { loadConfig } from '../../server/config/load.ts';
import { type Labels, type Manifest, render } from './chart.ts';
import { serverSets } from './chart-rules.ts';
import { valueSets } from './value-sets.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-chart-'));
after(() => rmSync(folder, { recursive: true }));

const rendered = new Map<string, readonly Manifest[]>();
export function objectsOf(name: string): readonly Manifest[] {
  const known = rendered.get(name) ?? render(valueSets[name]!);
  rendered.set(name, known);
  return known;
}

export const find = (objects: readonly Manifest[], kind: string, suffix = ''): Manifest | undefined =>
  objects.find((each) => each.kind === kind && each.metadata.name.endsWith(suffix));
export const get = (name: string, kind: string, suffix = ''): Manifest =>
  find(objectsOf(name), kind, suffix) ?? assert.fail(`${name}: no ${kind} ${suffix}`);

export const podOf = (name: string, suffix = '') => get(name, 'StatefulSet', suffix).spec.template;
export const serverOf = (name: string, suffix = '') => podOf(name, suffix).spec.containers[0];

/** As the server itself reads the file that the chart gives it, with the variables of its pod. */
export function configOf(objects: readonly Manifest[], set = serverSets(objects)[0]!): Config {
  const file = join(folder, 'millrace.yaml');
  writeFileSync(file, find(objects, 'ConfigMap')!.data['millrace.yaml']);
  return loadConfig({ file, environment: variablesOf(set), flags: {} }).values;
}

const secrets: Labels = { MILLRACE_CLUSTER_REDIS_URL: 'rediss://:x@redis:6380/1', MILLRACE_AUTH_KEYS: '[]' };
const isOfServer = (name: string) => name.startsWith('MILLRACE_') && name !== 'MILLRACE_CONFIG';

/** What comes out of a Secret is made up. */
function variablesOf({ spec }: Manifest): Labels {
  const env: { name: string; value?: string }[] = spec.template.spec.containers[0].env;
  const own = env.filter(({ name }) => isOfServer(name));
  return Object.fromEntries(own.map(({ name, value }) => [name, value ?? secrets[name] ?? 'secret']));
}
