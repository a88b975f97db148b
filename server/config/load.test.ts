import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { type Flags, loadConfig } from './load.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(layers: { yaml?: string; environment?: Record<string, string>; flags?: Flags }) {
  const file = join(folder, 'c.yaml');
  writeFileSync(file, layers.yaml ?? '');
  return loadConfig({ file, environment: layers.environment ?? {}, flags: layers.flags ?? {} });
}

function problemsOf(layers: Parameters<typeof load>[0]): string {
  try {
    load(layers);
  } catch (error) {
    assert.ok(error instanceof MillraceError);
    assert.equal(error.code, 'config_invalid');
    return error.message;
  }
  return assert.fail('accepted');
}

const hash = 'ab'.repeat(32);

test('each layer overrides the one before it and is named as the source', () => {
  const yaml = 'server: { port: 1, host: a }\nengine: { maxSlots: 3 }';
  const { values, sources } = load({
    yaml,
    environment: { MILLRACE_SERVER_PORT: '2', MILLRACE_ENGINE_MAX_SLOTS: '4' },
    flags: { 'server.port': '5' },
  });
  assert.deepEqual(
    [values['server.port'], values['engine.maxSlots'], values['server.host'], values['admin.port']],
    [5, 4, 'a', 8081],
  );
  assert.deepEqual(
    [sources['server.port'], sources['engine.maxSlots'], sources['server.host'], sources['admin.port']],
    ['flag', 'environment', 'file', 'default'],
  );
});

test('REDIS_URL gives the URL of Redis where no variable of ours does', () => {
  const ofOthers = { REDIS_URL: 'redis://others' };
  assert.equal(load({ environment: ofOthers }).values['cluster.redisUrl'], 'redis://others');
  const ours = { MILLRACE_CLUSTER_REDIS_URL: 'redis://ours' };
  assert.equal(load({ environment: { ...ours, ...ofOthers } }).values['cluster.redisUrl'], 'redis://ours');
  const problems = problemsOf({ environment: { REDIS_URL: 'http://:secret@host' } });
  assert.match(problems, /REDIS_URL: expected a URL like redis:/);
  assert.doesNotMatch(problems, /secret@/);
});

test('all problems of all layers are listed at once, each with its place', () => {
  const text = problemsOf({
    yaml: 'server: { prot: 1, port: 70000 }\nnonsense: true',
    environment: { MILLRACE_SERVER_HOTS: 'x', MILLRACE_LOG_LEVEL: 'loud' },
    flags: { 'engine.threads': 'two' },
  });
  assert.match(text, /has 6 problem/);
  assert.match(text, /c\.yaml: server\.prot: unknown setting\. Did you mean server\.port\?/);
  assert.match(text, /c\.yaml: server\.port: expected an integer from 0 to 65535, got 70000/);
  assert.match(text, /c\.yaml: nonsense: unknown setting\.\n/);
  assert.match(text, /MILLRACE_SERVER_HOTS: unknown variable\. Did you mean MILLRACE_SERVER_HOST\?/);
  assert.match(text, /MILLRACE_LOG_LEVEL: expected one of silent, .*, got "loud"/);
  assert.match(text, /--engine-threads: expected an integer from 0 to 256, got "two"/);
});

test('a file that is missing, no mapping, or no YAML is a problem with its path', () => {
  assert.throws(
    () => loadConfig({ file: '/nonexistent.yaml', environment: {}, flags: {} }),
    /nonexistent\.yaml: cannot be read/,
  );
  assert.match(problemsOf({ yaml: '- a\n- b' }), /expected a mapping/);
  assert.match(problemsOf({ yaml: 'server: {port: 1' }), /c\.yaml: /);
  assert.match(problemsOf({ yaml: 'server: {port: 1}\nserver: {port: 2}' }), /unique/);
});

test('an empty file and an empty section change nothing', () => {
  assert.equal(load({ yaml: '' }).values['server.port'], 8080);
  assert.equal(load({ yaml: 'server:\nengine: {}' }).values['server.port'], 8080);
});

test('names that merely look inherited are refused as unknown', () => {
  assert.match(problemsOf({ yaml: 'constructor: 1\n__proto__: { a: 1 }\ntoString: 2' }), /3 problem/);
});

test('sizes in bytes take binary units, other integers do not', () => {
  const { values } = load({
    yaml: 'engine: { prefixCacheBytes: 64MiB }',
    environment: { MILLRACE_LIMITS_BODY_BYTES: '2 KiB' },
  });
  assert.deepEqual([values['engine.prefixCacheBytes'], values['limits.bodyBytes']], [67_108_864, 2_048]);
  assert.match(problemsOf({ yaml: 'engine: { maxSlots: 1KiB }' }), /engine\.maxSlots/);
  assert.match(problemsOf({ yaml: 'limits: { bodyBytes: 1e400 }' }), /limits\.bodyBytes/);
});

test('variables that Kubernetes sets for a service called millrace are left alone', () => {
  const environment = {
    MILLRACE_PORT: 'tcp://10.0.0.1:8080',
    MILLRACE_SERVICE_HOST: '10.0.0.1',
    MILLRACE_PORT_8080_TCP: 'x',
  };
  assert.equal(load({ environment }).values['server.port'], 8080);
});

test('API keys come from the file as a list and from the environment as YAML', () => {
  const expected = {
    name: 'app',
    tenant: 'app',
    sha256: hash,
    scopes: ['inference'],
    requestsPerMinute: 60,
    tokensPerMinute: 0,
    maxConcurrent: 0,
  };
  const yaml = `auth:\n  keys:\n    - { name: app, sha256: ${hash}, requestsPerMinute: 60 }`;
  assert.deepEqual(load({ yaml }).values['auth.keys'], [expected]);
  const environment = { MILLRACE_AUTH_KEYS: JSON.stringify([expected]) };
  assert.deepEqual(load({ environment }).values['auth.keys'], [expected]);
});

test('a wrong API key entry is refused with its position, and never repeats what it holds', () => {
  const wrong = {
    'sha256: "secret-in-clear"': /entry 0 needs sha256/,
    [`sha256: ${hash}, scopes: [root]`]: /entry 0 needs scopes out of inference, versions, metrics, admin/,
    [`sha256: ${hash}, tenant: "a/b"`]: /entry 0 needs a tenant/,
    [`sha256: ${hash}, maxConcurrent: -1`]: /entry 0 needs maxConcurrent/,
    [`sha256: ${hash}, color: red`]: /entry 0 has the unknown field "color"/,
  };
  for (const [fields, expected] of Object.entries(wrong)) {
    const text = problemsOf({ yaml: `auth: { keys: [{ name: a, ${fields} }] }` });
    assert.match(text, expected);
    assert.ok(!text.includes('secret-in-clear'));
  }
  const twice = `auth: { keys: [{ name: a, sha256: ${hash} }, { name: a, sha256: ${hash} }] }`;
  assert.match(problemsOf({ yaml: twice }), /same name/);
});
