import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helm, notesOf, withoutHelm as skip, template } from './chart.ts';
import {
  checkDrain,
  checkMonitor,
  checkNetwork,
  checkObject,
  checkPods,
  checkRoles,
  checkScaling,
  checkSelectors,
  checkVolumes,
  serverSets,
} from './chart-rules.ts';
import { configOf, get, objectsOf, podOf, serverOf } from './rendered.ts';
import { refusedBySchema, refusedTogether, valueSets } from './value-sets.ts';

for (const [name, values] of Object.entries(valueSets)) {
  test(`helm lints, with ${name}`, { skip }, () => {
    const { status, stdout, stderr } = helm(['lint', '--strict'], values);
    assert.equal(status, 0, stdout + stderr);
  });

  test(`what holds for all values holds with ${name}`, { skip }, () => {
    const objects = objectsOf(name);
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    assert.equal(new Set(names).size, names.length, 'names differ');
    for (const object of objects) checkObject(object);
    checkPods(objects);
    checkSelectors(objects);
    checkScaling(objects);
    checkMonitor(objects);
    const admin = values.admin as { readonly expose?: boolean; readonly from?: unknown } | undefined;
    checkNetwork(objects, admin?.from);
    const sets = serverSets(objects);
    const configs = sets.map((set) => configOf(objects, set));
    checkRoles(configs, objects);
    for (const [at, set] of sets.entries()) {
      assert.equal(configs[at]!['admin.host'] === '127.0.0.1', admin?.expose !== true);
      checkDrain(set, configs[at]!);
      checkVolumes(set, objects, configs[at]!);
    }
  });
}

for (const [name, [values, message]] of Object.entries(refusedTogether))
  test(`refuses ${name}, and says why`, { skip }, () => {
    const { status, stderr } = template(values);
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  });

test('tells everything that does not fit together at once', { skip }, () => {
  const { stderr } = template({ replicas: 2, admin: { expose: true }, drain: { graceSeconds: 1 } });
  assert.equal([...stderr.matchAll(/^- /gm)].length, 3, stderr);
});

for (const [name, values] of Object.entries(refusedBySchema))
  test(`the schema refuses ${name}`, { skip }, () => {
    const { status, stderr } = template(values);
    assert.notEqual(status, 0);
    assert.match(stderr, /values don't meet the specifications of the schema/);
  });

test('settings reach the server as they were written', { skip }, () => {
  const config = configOf(objectsOf('every kind of setting'));
  assert.equal(config['feedback.logBytes'], 2 ** 40);
  assert.equal(config['engine.prefixCacheBytes'], 2 ** 31);
  assert.equal(config['memory.mode'], 'off');
  assert.deepEqual([config['engine.threads'], config['learning.threads']], [3, 2]);
  const { port, host } = { port: config['server.port'], host: config['server.host'] };
  assert.deepEqual([port, host], [8080, '0.0.0.0']);
  assert.equal(configOf(objectsOf('IPv6 alone'))['server.host'], '::');
});

test('threads follow the limit or else the request, and are whole', { skip }, () => {
  const threadsOf = (name: string) => {
    const config = configOf(objectsOf(name));
    return [config['engine.threads'], config['learning.threads']];
  };
  assert.deepEqual(threadsOf('the defaults'), [2, 1]);
  assert.deepEqual(threadsOf('half a core more than one'), [1, 1]);
  assert.deepEqual(threadsOf('sixteen cores'), [16, 4]);
  assert.deepEqual(threadsOf('a GPU node'), [4, 1]);
  assert.deepEqual(threadsOf('no requests'), [0, 0]);
});

test('a change of the configuration starts the pods anew, and no other change does', { skip }, () => {
  const sumOf = (name: string) => podOf(name).metadata.annotations['checksum/config'];
  assert.notEqual(sumOf('the defaults'), sumOf('a long drain'));
  assert.equal(sumOf('the defaults'), sumOf('monitoring'));
});

test('three probes ask three things', { skip }, () => {
  const { startupProbe, readinessProbe, livenessProbe } = serverOf('the defaults');
  const paths = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path);
  assert.deepEqual(paths, ['/health/startup', '/health/ready', '/health/live']);
});

test('keys come out of Secrets, and those in clear are files that only their caller has', { skip }, () => {
  const name = 'keys in a Secret';
  const variable = serverOf(name).env.find((each: { name: string }) => each.name === 'MILLRACE_AUTH_KEYS');
  assert.deepEqual(variable.valueFrom, { secretKeyRef: { name: 'millrace-keys', key: 'keys.yaml' } });
  const secretsOf = (pod: { volumes: { secret?: { secretName: string } }[] }) =>
    pod.volumes.flatMap(({ secret }) => (secret ? [secret.secretName] : []));
  assert.deepEqual(secretsOf(podOf(name).spec), ['millrace-admin']);
  assert.deepEqual(secretsOf(get(name, 'Pod').spec), ['millrace-client']);
  const monitor = get('monitoring with keys', 'ServiceMonitor').spec.endpoints[0];
  assert.deepEqual(monitor.authorization.credentials, { name: 'millrace-client', key: 'key' });
});

test('models are imported by their names, or from the checkpoint that was named', { skip }, () => {
  const argsOf = (name: string) => podOf(name).spec.initContainers?.[0].args ?? null;
  const encoder = 'all-minilm-l6-v2=all-minilm-l6-v2';
  assert.deepEqual(argsOf('the defaults'), ['smollm2-135m-instruct=smollm2-135m-instruct', encoder]);
  assert.deepEqual(argsOf('a checkpoint of their own'), ['my-model=/checkpoints/my-model', encoder]);
  for (const name of ['no model', 'no import', 'replicas over shared models'])
    assert.equal(argsOf(name), null);
});

test('images are named by digest, else by tag, else by the version', { skip }, () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  assert.equal(serverOf('an image by digest').image, `registry.example/millrace@${digest}`);
  assert.equal(serverOf('an image by tag').image, 'millrace:main');
  assert.equal(serverOf('the defaults').image, 'millrace:0.1.0');
});

test('what a pod is scheduled by is passed on', { skip }, () => {
  const { runtimeClassName, tolerations, topologySpreadConstraints, containers } = podOf('a GPU node').spec;
  assert.equal(runtimeClassName, 'nvidia');
  assert.equal(tolerations.length, 1);
  assert.equal(containers[0].resources.limits['nvidia.com/gpu'], 1);
  const { selector } = get('a GPU node', 'StatefulSet').spec;
  for (const { labelSelector } of topologySpreadConstraints) assert.deepEqual(labelSelector, selector);
});

test('the notes tell three commands, and what is open', { skip }, () => {
  const open = notesOf({});
  for (const command of ['rollout status', 'port-forward', 'curl -N']) assert.ok(open.includes(command));
  assert.match(open, /No key is asked for: whoever reaches the API may use it, and teach it\./);
  assert.doesNotMatch(notesOf(valueSets['keys in a Secret']!), /No key/);
});
