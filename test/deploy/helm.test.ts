import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Config } from '../../server/config/declaration.ts';
import { loadConfig } from '../../server/config/load.ts';
import { helm, type Labels, type Manifest, notesOf, render, withoutHelm as skip, template } from './chart.ts';
import { refusedBySchema, refusedTogether, type Values, valueSets } from './value-sets.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-chart-'));
after(() => rmSync(folder, { recursive: true }));

const rendered = new Map<string, readonly Manifest[]>();
function objectsOf(name: string): readonly Manifest[] {
  const known = rendered.get(name) ?? render(valueSets[name]!);
  rendered.set(name, known);
  return known;
}

const find = (objects: readonly Manifest[], kind: string, suffix = ''): Manifest | undefined =>
  objects.find((each) => each.kind === kind && each.metadata.name.endsWith(suffix));
const get = (name: string, kind: string, suffix = ''): Manifest =>
  find(objectsOf(name), kind, suffix) ?? assert.fail(`${name}: no ${kind} ${suffix}`);

const podOf = (name: string) => get(name, 'StatefulSet').spec.template;
const serverOf = (name: string) => podOf(name).spec.containers[0];

/** As the server itself reads the file that the chart gives it. */
function configOf(objects: readonly Manifest[]): Config {
  const file = join(folder, 'millrace.yaml');
  writeFileSync(file, find(objects, 'ConfigMap')!.data['millrace.yaml']);
  return loadConfig({ file, environment: {}, flags: {} }).values;
}

const isSubset = (part: Labels, whole: Labels): boolean =>
  Object.entries(part).every(([name, value]) => whole[name] === value);

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
    const config = configOf(objects);
    checkPods(objects);
    checkDrain(get(name, 'StatefulSet'), config);
    checkSelectors(objects);
    checkNetwork(objects, values, config);
    checkLearning(get(name, 'StatefulSet'), objects, config);
  });
}

const ownLabels = ['helm.sh/chart', 'app.kubernetes.io/name', 'app.kubernetes.io/instance'];

function checkObject({ kind, metadata }: Manifest): void {
  assert.equal(metadata.namespace, undefined, 'helm says where');
  assert.match(metadata.name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  const isTheirs = /-(more|text)$/.test(metadata.name);
  for (const label of isTheirs ? [] : ownLabels) assert.ok(metadata.labels[label], `${kind}: ${label}`);
}

/** Every container is confined, whoever asked for it. */
function checkPods(objects: readonly Manifest[]): void {
  const client = find(objects, 'Pod');
  const pods = [find(objects, 'StatefulSet')!.spec.template.spec, ...(client ? [client.spec] : [])];
  for (const pod of pods) {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
    const volumes = new Set(pod.volumes.map((volume: { name: string }) => volume.name)).add('models');
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      const { securityContext, volumeMounts, env } = container;
      const isSilent = env?.some(({ name }: { name: string }) => name === 'ORT_DISABLE_TELEMETRY');
      assert.ok(isSilent || container.name === 'client', 'nothing is reported to anybody');
      assert.equal(securityContext.allowPrivilegeEscalation, false);
      assert.equal(securityContext.readOnlyRootFilesystem, true);
      assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] });
      for (const mount of volumeMounts) assert.ok(volumes.has(mount.name), mount.name);
    }
  }
}

function checkDrain({ spec }: Manifest, config: Config): void {
  const pod = spec.template.spec;
  const { command } = pod.containers[0].lifecycle.preStop.exec;
  const needed = Number(command.at(-1)) + config['server.drainMs'] / 1000;
  assert.ok(pod.terminationGracePeriodSeconds > needed, `${pod.terminationGracePeriodSeconds} > ${needed}`);
}

function checkSelectors(objects: readonly Manifest[]): void {
  const { spec, metadata } = find(objects, 'StatefulSet')!;
  const { labels } = spec.template.metadata;
  const server = spec.template.spec.containers[0];
  const ports = new Set(server.ports.map((port: { name: string }) => port.name));
  assert.ok(isSubset(spec.selector.matchLabels, labels));
  assert.ok(objects.some((each) => each.kind === 'Service' && each.metadata.name === spec.serviceName));
  for (const service of objects.filter(({ kind }) => kind === 'Service')) {
    assert.ok(isSubset(service.spec.selector, labels));
    for (const { targetPort } of service.spec.ports) assert.ok(ports.has(targetPort));
  }
  for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
    const found = find(objects, kind)?.spec;
    if (found) assert.ok(isSubset((found.selector ?? found.podSelector).matchLabels, labels), kind);
  }
  for (const kind of ['HorizontalPodAutoscaler', 'ScaledObject']) {
    const target = find(objects, kind)?.spec.scaleTargetRef;
    if (target) assert.deepEqual([target.kind, target.name], ['StatefulSet', metadata.name]);
    if (target) assert.equal(spec.replicas, undefined, 'the autoscaler counts');
  }
  const monitor = find(objects, 'ServiceMonitor')?.spec.selector.matchLabels;
  const scraped = objects.filter((each) => monitor && isSubset(monitor, each.metadata.labels));
  if (monitor)
    assert.deepEqual(
      scraped.map(({ kind, metadata: { name } }) => [kind, name]),
      [['Service', metadata.name]],
    );
}

/** The admin port is reached by nobody, or by those who were named. */
function checkNetwork(objects: readonly Manifest[], values: Values, config: Config): void {
  const admin = values.admin as { readonly expose?: boolean; readonly from?: unknown } | undefined;
  assert.equal(config['admin.host'] === '127.0.0.1', admin?.expose !== true);
  const policy = find(objects, 'NetworkPolicy')?.spec;
  if (policy === undefined) return;
  assert.deepEqual(policy.policyTypes, ['Ingress', 'Egress']);
  const rules: { from?: unknown; ports: { port: string }[] }[] = policy.ingress;
  const toAdmin = rules.filter(({ ports }) => ports.some(({ port }) => port !== 'api'));
  assert.deepEqual(
    toAdmin.map(({ from }) => from),
    admin?.from ? [admin.from] : [],
  );
  for (const rule of rules) assert.ok(Array.isArray(rule.from), 'a rule without peers admits everybody');
}

/** One server owns what is learned, on a volume that outlives it. */
function checkLearning({ spec }: Manifest, objects: readonly Manifest[], config: Config): void {
  const learns = config['learning.mode'] === 'on';
  const { containers, volumes } = spec.template.spec;
  const mount = containers[0].volumeMounts.find(({ name }: { name: string }) => name === 'learning');
  const volume = volumes.find(({ name }: { name: string }) => name === 'learning');
  assert.deepEqual([mount !== undefined, volume !== undefined], [learns, learns]);
  assert.equal(spec.persistentVolumeClaimRetentionPolicy.whenScaled, learns ? 'Retain' : 'Delete');
  if (!learns) return;
  assert.equal(spec.replicas, 1);
  assert.equal(mount.mountPath, config['learning.dir']);
  const claim = find(objects, 'PersistentVolumeClaim', volume.persistentVolumeClaim.claimName);
  if (claim) assert.equal(claim.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
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
