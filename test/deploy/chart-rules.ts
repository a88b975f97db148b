/** What must hold of everything that the chart makes, whatever the values are. */
import assert from 'node:assert/strict';
import type { Config } from '../../server/config/declaration.ts';
import type { Labels, Manifest } from './chart.ts';

export type Objects = readonly Manifest[];

const ofKind = (objects: Objects, kind: string): Manifest[] => objects.filter((each) => each.kind === kind);
const nameOf = ({ metadata }: Manifest): string => metadata.name;
const containersOf = ({ spec }: Manifest) => spec.template.spec.containers;

/** StatefulSets of the program itself. */
export const serverSets = (objects: Objects): Manifest[] =>
  ofKind(objects, 'StatefulSet').filter((set) => containersOf(set)[0].name === 'server');

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { key: string; operator: string; values: string[] }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      assert.equal(operator, 'In');
      return values.includes(labels[key] ?? '');
    })
  );
}

const labelsOf = ({ kind, spec, metadata }: Manifest): Labels =>
  kind === 'Pod' ? metadata.labels : spec.template.metadata.labels;

const setsBehind = (service: Manifest, objects: Objects): Manifest[] =>
  ofKind(objects, 'StatefulSet').filter((set) =>
    selects({ matchLabels: service.spec.selector }, labelsOf(set)),
  );

const ownLabels = ['helm.sh/chart', 'app.kubernetes.io/name', 'app.kubernetes.io/instance'];

export function checkObject({ kind, metadata }: Manifest): void {
  assert.equal(metadata.namespace, undefined, 'helm says where');
  assert.match(metadata.name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  const isTheirs = /-(more|text)$/.test(metadata.name);
  for (const label of isTheirs ? [] : ownLabels) assert.ok(metadata.labels[label], `${kind}: ${label}`);
  // Kubernetes makes a label of it and eleven characters.
  if (kind === 'StatefulSet') assert.ok(metadata.name.length <= 52, metadata.name);
}

/** Every container is confined, whoever asked for it. */
export function checkPods(objects: Objects): void {
  const sets = ofKind(objects, 'StatefulSet').map(({ spec }) => ({
    ...spec.template.spec,
    claims: (spec.volumeClaimTemplates ?? []).map(nameOf),
  }));
  const clients = ofKind(objects, 'Pod').map(({ spec }) => ({ ...spec, claims: [] }));
  for (const pod of [...sets, ...clients]) {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
    const volumes = [...pod.volumes.map((volume: { name: string }) => volume.name), ...pod.claims];
    assert.equal(new Set(volumes).size, volumes.length, 'no volume comes twice');
    for (const container of [...(pod.initContainers ?? []), ...pod.containers])
      checkContainer(container, volumes);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: shapes are Kubernetes', and what is read is asserted
function checkContainer({ name, securityContext, volumeMounts, env }: any, volumes: string[]): void {
  const isSilent = env?.some((variable: { name: string }) => variable.name === 'ORT_DISABLE_TELEMETRY');
  assert.ok(isSilent || ['client', 'redis'].includes(name), 'nothing is reported to anybody');
  assert.equal(securityContext.allowPrivilegeEscalation, false);
  assert.equal(securityContext.readOnlyRootFilesystem, true);
  assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] });
  for (const mount of volumeMounts) assert.ok(volumes.includes(mount.name), mount.name);
}

export function checkDrain({ spec }: Manifest, config: Config): void {
  const pod = spec.template.spec;
  const { command } = pod.containers[0].lifecycle.preStop.exec;
  const needed = Number(command.at(-1)) + config['server.drainMs'] / 1000;
  assert.ok(pod.terminationGracePeriodSeconds > needed, `${pod.terminationGracePeriodSeconds} > ${needed}`);
}

export function checkSelectors(objects: Objects): void {
  const sets = ofKind(objects, 'StatefulSet');
  for (const set of sets) {
    const selected = sets.filter((other) => selects(set.spec.selector, labelsOf(other)));
    assert.deepEqual(selected.map(nameOf), [nameOf(set)], 'a set selects its own pods and no others');
    const service = objects.find((each) => each.kind === 'Service' && nameOf(each) === set.spec.serviceName);
    assert.ok(service && setsBehind(service, objects).includes(set), 'its pods have names');
  }
  for (const pod of ofKind(objects, 'Pod'))
    for (const service of ofKind(objects, 'Service'))
      assert.ok(!selects({ matchLabels: service.spec.selector }, labelsOf(pod)), 'no client is served from');
  for (const service of ofKind(objects, 'Service')) {
    const behind = setsBehind(service, objects);
    assert.ok(behind.length > 0, nameOf(service));
    for (const set of behind) {
      const ports = containersOf(set)[0].ports.map((port: { name: string }) => port.name);
      for (const { targetPort } of service.spec.ports) assert.ok(ports.includes(targetPort));
    }
  }
  for (const { spec } of ofKind(objects, 'PodDisruptionBudget'))
    assert.equal(sets.filter((set) => selects(spec.selector, labelsOf(set))).length, 1);
}

/** An autoscaler counts the servers that may be many, and the chart does not count these then. */
export function checkScaling(objects: Objects): void {
  const sets = serverSets(objects);
  const scalers = objects.filter(({ kind }) => ['HorizontalPodAutoscaler', 'ScaledObject'].includes(kind));
  const targets = scalers.map(({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`);
  const uncounted = sets.filter(({ spec }) => spec.replicas === undefined);
  assert.deepEqual(
    targets,
    uncounted.map((set) => `StatefulSet/${nameOf(set)}`),
  );
}

/** Each server is scraped, and once. */
export function checkMonitor(objects: Objects): void {
  for (const { spec } of ofKind(objects, 'ServiceMonitor')) {
    const services = ofKind(objects, 'Service').filter(({ metadata }) =>
      selects(spec.selector, metadata.labels),
    );
    const scraped = services.flatMap((service) => setsBehind(service, objects).map(nameOf));
    assert.deepEqual(scraped.sort(), serverSets(objects).map(nameOf).sort());
    // Rules and dashboard know the series by the name of the release.
    const label = spec.endpoints[0].relabelings?.[0].replacement ?? nameOf(services[0]!);
    assert.equal(label, nameOf(serverSets(objects).find((set) => !isNamedFollower(set))!));
  }
}

const isNamedFollower = (set: Manifest): boolean => nameOf(set).endsWith('-follower');

interface Rule {
  readonly from?: readonly { readonly podSelector?: Selector }[];
  readonly ports: readonly { readonly port: string | number }[];
}

/** Who may reach what; `adminFrom` was given. */
export function checkNetwork(objects: Objects, adminFrom: unknown): void {
  const policies = ofKind(objects, 'NetworkPolicy');
  if (policies.length === 0) return;
  const pods = objects.filter(({ kind }) => kind === 'StatefulSet');
  const isOf = (policy: Manifest, pod: Manifest) => selects(policy.spec.podSelector, labelsOf(pod));
  for (const pod of pods) {
    const own = policies.filter((policy) => isOf(policy, pod));
    for (const type of ['Ingress', 'Egress'])
      assert.ok(
        own.some(({ spec }) => spec.policyTypes.includes(type)),
        `${nameOf(pod)}: ${type}`,
      );
  }
  const rules: Rule[] = policies.flatMap(({ spec }) => spec.ingress);
  const rulesOf = (port: string) => rules.filter(({ ports }) => ports.some((each) => each.port === port));
  for (const { from } of rules) assert.ok(Array.isArray(from), 'a rule without peers admits everybody');
  assert.deepEqual(
    rulesOf('admin').map(({ from }) => from),
    adminFrom ? [adminFrom] : [],
  );
  for (const port of ['files', 'redis'])
    for (const { from } of rulesOf(port))
      for (const { podSelector } of from!) {
        assert.ok(podSelector, port);
        for (const client of ofKind(objects, 'Pod'))
          assert.ok(!selects(podSelector, labelsOf(client)), `${port} is for servers`);
        assert.ok(
          pods.some((pod) => selects(podSelector, labelsOf(pod))),
          `${port} is for some server`,
        );
      }
}

/** One server owns what is learned, on a volume that outlives it; others keep what they acknowledge, each for itself. */
export function checkVolumes(set: Manifest, objects: Objects, config: Config): void {
  const { spec } = set;
  const learns = config['learning.mode'] === 'on';
  const isFollower = config['cluster.redisUrl'] !== '' && config['cluster.role'] === 'follower' && learns;
  const { volumes, containers } = spec.template.spec;
  const mounts: { name: string; mountPath: string; readOnly?: boolean }[] = containers[0].volumeMounts;
  const state = mounts.find(({ mountPath }) => mountPath === config['learning.dir']);
  assert.equal(state?.name, learns ? (isFollower ? 'state' : 'learning') : undefined);
  assert.ok(mounts.some(({ mountPath }) => mountPath === config['models.dir']));
  assert.equal(spec.persistentVolumeClaimRetentionPolicy.whenScaled, learns ? 'Retain' : 'Delete');
  assert.equal(spec.persistentVolumeClaimRetentionPolicy.whenDeleted, 'Retain');
  if (!learns) return;
  assert.ok(!state!.readOnly);
  if (isFollower) {
    assert.ok(spec.volumeClaimTemplates.some((claim: Manifest) => nameOf(claim) === 'state'));
    return;
  }
  assert.equal(spec.replicas, 1);
  const { claimName } = volumes.find(
    ({ name }: { name: string }) => name === 'learning',
  ).persistentVolumeClaim;
  const claim = ofKind(objects, 'PersistentVolumeClaim').find((each) => nameOf(each) === claimName);
  if (claim) assert.equal(claim.metadata.annotations?.['helm.sh/resource-policy'], 'keep');
}

/** One learns where several learn together, and what is secret comes out of Secrets. */
export function checkRoles(configs: readonly Config[], objects: Objects): void {
  const learners = configs.filter((config) => config['cluster.role'] === 'learner');
  if (configs.length > 1) assert.equal(learners.length, 1);
  if (configs.length > 1)
    assert.equal(new Set(configs.map((config) => config['cluster.name'])).size, 1, 'they are the same');
  const text = ofKind(objects, 'ConfigMap')[0]!.data['millrace.yaml'];
  assert.doesNotMatch(text, /redisUrl|token|AccessKey/);
}
