import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noRedis, RedisServer } from '../redis/redis-server.ts';
import { chartFile, type Labels, type Manifest, notesOf, withoutHelm as skip } from './chart.ts';
import { type Entries, withKubernetes } from './kubernetes.ts';
import { configOf, find, get, objectsOf, podOf, serverOf } from './rendered.ts';
import { valueSets } from './value-sets.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-replicas-'));
after(() => rmSync(folder, { recursive: true }));

const follower = '-follower';
const fullname = 'river-millrace';
const setsOf = (name: string) => objectsOf(name).filter(({ kind }) => kind === 'StatefulSet');

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

/** Secret and entry of a variable, or its value. */
function variable(set: string, wanted: string, suffix = ''): string | undefined {
  const env: Variable[] = serverOf(set, suffix).env;
  const { value, valueFrom } = env.find(({ name }) => name === wanted) ?? {};
  return valueFrom ? `${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}` : value;
}

test('one server becomes the learner: nothing changes that Kubernetes would not change', { skip }, () => {
  const changeable = ['template', 'updateStrategy', 'replicas', 'persistentVolumeClaimRetentionPolicy'];
  const fixed = (name: string) => {
    const { spec, metadata } = setsOf(name).find((set) => set.metadata.name === fullname)!;
    return [metadata.name, ...Object.entries(spec).filter(([field]) => !changeable.includes(field))];
  };
  const alone = fixed('the defaults');
  assert.ok(alone.length >= 5, 'name, selector, service, management, claims');
  for (const name of ['a learner and a follower', 'a bucket', 'a learner of its own kind'])
    assert.deepEqual(fixed(name), alone, name);
  const volume = (name: string) =>
    podOf(name).spec.volumes.find((each: { name: string }) => each.name === 'learning');
  assert.deepEqual(volume('a learner and a follower'), volume('the defaults'));
});

test('the Service leads to followers, and to the learner where it serves', { skip }, () => {
  const behind = (name: string) => {
    const { selector } = objectsOf(name).find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === fullname,
    )!.spec as { selector: Labels };
    const isBehind = ({ spec }: Manifest) =>
      Object.entries(selector).every(([label, value]) => spec.template.metadata.labels[label] === value);
    return setsOf(name)
      .filter(isBehind)
      .map(({ metadata }) => metadata.name);
  };
  assert.deepEqual(behind('three followers'), [`${fullname}${follower}`]);
  assert.deepEqual(behind('a learner that serves').sort(), [fullname, `${fullname}${follower}`]);
  assert.deepEqual(behind('replicas that do not learn and share limits'), [fullname]);
});

test('roles, the address of Redis and what is secret come as variables', { skip }, () => {
  const name = 'a learner and a follower';
  assert.equal(variable(name, 'MILLRACE_CLUSTER_ROLE'), 'learner');
  assert.equal(variable(name, 'MILLRACE_CLUSTER_ROLE', follower), 'follower');
  assert.equal(
    variable('replicas that do not learn and share limits', 'MILLRACE_CLUSTER_ROLE'),
    'follower',
    'nobody trains there',
  );
  for (const suffix of ['', follower]) {
    assert.equal(variable(name, 'MILLRACE_CLUSTER_REDIS_URL', suffix), 'the-redis/url');
    assert.equal(variable('peers of Redis', 'MILLRACE_CLUSTER_REDIS_URL', suffix), 'the-redis/address');
    assert.equal(variable(name, 'MILLRACE_CLUSTER_TOKEN', suffix), `${fullname}-cluster/token`);
    assert.equal(variable('a token in a Secret', 'MILLRACE_CLUSTER_TOKEN', suffix), 'the-token/files');
    assert.equal(variable('a bucket', 'MILLRACE_CLUSTER_TOKEN', suffix), undefined);
    const bucket = (part: string) => variable('a bucket', `MILLRACE_CLUSTER_S3_${part}`, suffix);
    assert.equal(bucket('ACCESS_KEY_ID'), 'the-bucket/access-key-id');
    assert.equal(bucket('SECRET_ACCESS_KEY'), 'the-bucket/secret-access-key');
  }
  const { url } = get('a URL in clear', 'Secret').stringData;
  assert.equal(url, 'rediss://user:p%40ss@redis.example:6380/2');
  assert.equal(variable('a URL in clear', 'MILLRACE_CLUSTER_REDIS_URL'), `${fullname}-cluster/url`);
  assert.equal(find(objectsOf('a token in a Secret'), 'Secret'), undefined);
});

test('servers of one release have one name in Redis, and those of others another', { skip }, () => {
  const nameIn = (name: string) => configOf(objectsOf(name))['cluster.name'];
  assert.equal(nameIn('three followers'), 'water.river-millrace');
  assert.equal(nameIn('a URL in clear'), 'mill');
  assert.match(nameIn('replicas over IPv6 with a long name'), /^water\.a-name-that-is-as-long.{0,37}$/);
});

test('followers find the files of versions where the learner offers them', { skip }, () => {
  for (const name of ['three followers', 'replicas over IPv6 with a long name']) {
    const config = configOf(objectsOf(name));
    const { hostname, port } = new URL(config['cluster.filesUrl']);
    const service = objectsOf(name).find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === hostname,
    )!;
    const offered = service.spec.ports.find((each: { port: number }) => each.port === Number(port));
    const { ports } = serverOf(name);
    const listening = ports.find((each: { name: string }) => each.name === offered.targetPort);
    assert.equal(listening.containerPort, config['cluster.filesPort']);
    assert.equal(config['cluster.filesHost'], config['server.host'], 'on all interfaces of the pod');
    assert.equal(service.spec.publishNotReadyAddresses, true);
  }
  assert.equal(configOf(objectsOf('a bucket'))['cluster.s3Bucket'], 'versions');
});

test('in a shared folder the learner writes, and followers read and wait for it', { skip }, () => {
  const name = 'a shared folder';
  const mountsOf = (suffix: string): Record<string, boolean> => {
    const mounts: { mountPath: string; readOnly?: boolean }[] = serverOf(name, suffix).volumeMounts;
    return Object.fromEntries(mounts.map(({ mountPath, readOnly }) => [mountPath, readOnly ?? false]));
  };
  const config = configOf(objectsOf(name));
  const adapters = `${config['learning.dir']}/adapters`;
  const [learner, reader] = [mountsOf(''), mountsOf(follower)];
  assert.deepEqual([learner[adapters], learner[config['models.dir']]], [false, false]);
  assert.deepEqual([reader[adapters], reader[config['models.dir']]], [true, true]);
  assert.deepEqual([learner[config['learning.dir']], reader[config['learning.dir']]], [false, false]);
  const claims = (suffix: string) =>
    podOf(name, suffix).spec.volumes.flatMap((volume: Manifest) => volume.persistentVolumeClaim ?? []);
  const shared = ['shared-models', `${fullname}-adapters`];
  for (const suffix of ['', follower]) {
    const names = claims(suffix).map((claim: { claimName: string }) => claim.claimName);
    for (const claim of shared) assert.ok(names.includes(claim), claim);
  }
  assert.deepEqual(get(name, 'PersistentVolumeClaim', '-adapters').spec.accessModes, ['ReadWriteMany']);
  const argsOf = (suffix: string) => podOf(name, suffix).spec.initContainers[0].args;
  assert.deepEqual(argsOf(follower), ['--wait', ...argsOf('')]);
});

test('only the learner mounts a models claim of its own, elsewhere each pod has one', { skip }, () => {
  const name = "a learner's own models claim";
  const claimed = podOf(name).spec.volumes.find((volume: { name: string }) => volume.name === 'models');
  assert.equal(claimed.persistentVolumeClaim.claimName, 'my-models');
  const templates: Manifest[] = get(name, 'StatefulSet', follower).spec.volumeClaimTemplates;
  assert.deepEqual(
    templates.map(({ metadata }) => metadata.name),
    ['models', 'state'],
  );
  const { spec } = templates[1]!;
  assert.deepEqual([spec.storageClassName, spec.accessModes], ['fast', ['ReadWriteOncePod']]);
});

test('a learner of its own kind has its own threads, place, account and way to be updated', { skip }, () => {
  const name = 'a learner of its own kind';
  const sets = Object.fromEntries(setsOf(name).map((set) => [set.metadata.name, set]));
  const [learner, other] = [sets[fullname]!, sets[`${fullname}${follower}`]!];
  const threads = (set: Manifest) => {
    const config = configOf(objectsOf(name), set);
    return [config['engine.threads'], config['learning.threads']];
  };
  assert.deepEqual(
    [threads(learner), threads(other)],
    [
      [6, 3],
      [2, 3],
    ],
  );
  const [own, theirs] = [learner.spec.template.spec, other.spec.template.spec];
  assert.deepEqual([own.nodeSelector, theirs.nodeSelector], [{ disk: 'fast' }, { zone: 'a' }]);
  assert.deepEqual([own.tolerations.length, theirs.tolerations], [1, undefined]);
  assert.deepEqual([own.serviceAccountName, theirs.serviceAccountName], ['teacher', fullname]);
  assert.deepEqual(
    [learner.spec.updateStrategy, other.spec.updateStrategy],
    [{ type: 'OnDelete' }, undefined],
  );
});

test('the policy lets out to Redis and to the learner, and to no more', { skip }, () => {
  const egress = (name: string) =>
    objectsOf(name).find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === fullname)!.spec
      .egress as { to?: { podSelector?: unknown; ipBlock?: unknown }[]; ports: { port: unknown }[] }[];
  const to = (name: string, port: unknown) =>
    egress(name).filter(({ ports }) => ports.some((each) => each.port === port));
  assert.deepEqual(
    to('peers of Redis', 6380).map((rule) => rule.to),
    [[{ ipBlock: { cidr: '10.1.2.3/32' } }]],
  );
  assert.deepEqual(
    to('three followers', 6379).map((rule) => rule.to),
    [undefined],
  );
  assert.ok(to('a Redis for trials', 'redis')[0]!.to![0]!.podSelector);
  assert.ok(to('three followers', 'files')[0]!.to![0]!.podSelector);
  assert.deepEqual(
    [to('a bucket', 'files'), to('the defaults', 6379), to('the defaults', 'files')],
    [[], [], []],
  );
  assert.equal(to('a bucket inside', 9000).length, 1);
});

test('KEDA counts what waits at the followers, and the rules know of Redis where it is used', {
  skip,
}, () => {
  const { query } = get('followers with KEDA', 'ScaledObject').spec.triggers[0].metadata;
  assert.match(query, /pod=~"river-millrace-follower-\[0-9\]\+"/);
  const alerts = (name: string): string[] =>
    get(name, 'PrometheusRule').spec.groups[0].rules.map(({ alert }: { alert: string }) => alert);
  const only = (name: string) => alerts(name).filter((alert) => !alerts('monitoring').includes(alert));
  const ofRedis = ['MillraceRedisDown', 'MillraceRedisFailing'];
  assert.deepEqual(only('followers with monitoring and keys'), [
    ...ofRedis,
    'MillraceNoLearner',
    'MillraceNotCarrying',
    'MillraceGap',
    'MillraceReplicaBehind',
    'MillraceFeedbackWaiting',
  ]);
  assert.deepEqual(only('one that does not learn, with an exposed admin listener'), ofRedis);
});

test('a change of the address of Redis starts the servers anew', { skip }, () => {
  const sum = (name: string) => podOf(name, follower).metadata.annotations['checksum/redis'];
  assert.notEqual(sum('a URL in clear'), sum('three followers'));
  assert.equal(sum('three followers'), sum('a learner and a follower'));
});

test('the notes say who is who, and what must not be deleted', { skip }, () => {
  const text = notesOf(valueSets['three followers']!);
  assert.match(text, /statefulset\/river-millrace-follower/);
  assert.match(text, /river-millrace-0 is the learner, to which the Service sends nothing/);
  assert.match(text, /do not delete claims "state-river-millrace-follower-\*"/);
  assert.match(notesOf(valueSets['a URL in clear']!), /stands in the release in clear/);
  assert.doesNotMatch(notesOf({}), /Redis|learner/);
});

const decoded = (text: string) => Buffer.from(text, 'base64').toString();
const encoded = (text: string) => Buffer.from(text).toString('base64');

test('what the chart makes up is kept by the next upgrade, and differs between releases', {
  skip,
}, async () => {
  const values = valueSets['a Redis for trials']!;
  const first = await withKubernetes({}, (apply) => apply(values));
  const { token, password, url } = find(first, 'Secret')!.stringData as Entries;
  assert.match(token!, /^\w{40}$/);
  assert.match(password!, /^\w{40}$/);
  const stored = Object.fromEntries(
    Object.entries({ token: token!, password: password! }).map(([key, text]) => [key, encoded(text)]),
  );
  assert.equal(decoded(stored.token!), token);
  const secret = { [`${fullname}-cluster`]: stored };
  const again = find(await withKubernetes(secret, (apply) => apply(values)), 'Secret')!.stringData as Entries;
  assert.deepEqual([again.token, again.password, again.url], [token, password, url]);
  const other = find(await withKubernetes({}, (apply) => apply(values)), 'Secret')!.stringData as Entries;
  assert.notEqual(other.token, token);
  assert.notEqual(other.password, password);
});

const skipRedis = skip || noRedis;

test('the Redis for trials starts, asks for the password, and drops nothing', {
  skip: skipRedis,
}, async () => {
  const { 'redis.conf': text, url } = get('a Redis for trials', 'Secret').stringData as Entries;
  for (const line of ['port 6379', 'dir /data']) assert.ok(text!.split('\n').includes(line), line);
  const conf = join(folder, 'redis.conf');
  writeFileSync(conf, text!.replace('port 6379\n', '').replace('dir /data\n', ''));
  const password = new URL(url!).password;
  const server = await RedisServer.start({ password, args: ['--include', conf] });
  try {
    const setting = async (name: string) => ((await server.ask('config', 'get', name)) as string[])[1];
    assert.equal(await setting('maxmemory-policy'), 'noeviction');
    assert.equal(await setting('maxmemory'), String(2 ** 30));
    assert.deepEqual([await setting('appendonly'), await setting('appendfsync')], ['yes', 'always']);
    const stranger = spawnSync('redis-cli', ['-p', String(server.port), 'ping'], { encoding: 'utf8' });
    if (stranger.error === undefined) assert.match(stranger.stdout, /NOAUTH/);
  } finally {
    await server.close();
  }
});

test('the chart names images, of Redis too, by a version', () => {
  assert.match(chartFile('values.yaml'), /image: \S+:\d+\.\d+\S*/);
});
