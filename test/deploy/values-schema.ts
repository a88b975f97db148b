/**
 * The schema of the chart's values, as helm/values.schema.json must be: the chart's own values, and under `config` the
 * settings of the server but those that are the chart's to decide. What is Kubernetes' own is passed on as it is.
 */
import { configurationSchema } from '../../server/config/describe.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** Addresses, ports, folders and what servers are to each other: templates/_helpers.tpl and _cluster.tpl set them. */
export const chartSettings: readonly string[] = [
  'server.host',
  'server.port',
  'admin.host',
  'admin.port',
  'models.dir',
  'learning.dir',
  'cluster.redisUrl',
  'cluster.name',
  'cluster.replica',
  'cluster.role',
  'cluster.versions',
  'cluster.filesHost',
  'cluster.filesPort',
  'cluster.filesUrl',
  'cluster.token',
  'cluster.s3Endpoint',
  'cluster.s3Bucket',
  'cluster.s3Region',
  'cluster.s3AccessKeyId',
  'cluster.s3SecretAccessKey',
];
/** Read by templates: a `null`, which takes a default away, is refused for them. */
export const readSettings = ['server.drainMs', 'models.default', 'models.embeddings', 'learning.mode'];

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const anything: Schema = { type: 'object' };
const objects: Schema = { type: 'array', items: anything };
const labels: Schema = { type: 'object', additionalProperties: text };
const seconds: Schema = { type: 'string', pattern: '^([0-9]+(ms|s|m|h))+$' };
const share: Schema = { type: 'number', exclusiveMinimum: 0, maximum: 1 };
const size: Schema = { type: 'string', pattern: '^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$' };
const quantity: Schema = { type: ['string', 'number'] };
/** A name of Kubernetes', or nothing. */
const name: Schema = { type: 'string', pattern: '^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$' };
/** Of http or https, or nothing. */
const url: Schema = { type: 'string', pattern: '^(https?://[^/?#\\s]+(/[^?#\\s]*)?)?$' };
const entry: Schema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,253}$' };

const choice = (...values: readonly string[]): Schema => ({ enum: values });
const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });

/** Nothing but these; those that are required have a default, and cannot be taken away. */
const only = (properties: Readonly<Record<string, Schema>>, required = Object.keys(properties)): Schema => ({
  type: 'object',
  additionalProperties: false,
  ...(required.length === 0 ? {} : { required }),
  properties,
});

const reference = only({ existingSecret: name, entry });
const account = only({ create: flag, name, annotations: labels });
/** Two servers must never have such a volume at once. */
const ofOnePod = choice('ReadWriteOnce', 'ReadWriteOncePod');
const claim = { existingClaim: name, storageClass: name, size };
const probe = only({
  periodSeconds: whole(1, 300),
  timeoutSeconds: whole(1, 60),
  failureThreshold: whole(1, 1000),
});
const resources = only(
  {
    requests: { type: 'object', additionalProperties: quantity },
    limits: { type: 'object', additionalProperties: quantity },
    claims: objects,
  },
  [],
);

const scaling = {
  enabled: flag,
  minReplicas: whole(1, 1000),
  maxReplicas: whole(1, 1000),
  waitingSequences: whole(1, 100_000),
};

const own: Readonly<Record<string, Schema>> = {
  nameOverride: name,
  fullnameOverride: name,
  image: only({
    repository: { type: 'string', minLength: 1 },
    tag: { type: 'string', pattern: '^[A-Za-z0-9_.-]{0,128}$' },
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
  }),
  imagePullSecrets: objects,
  replicas: whole(0, 1000),
  redis: only({
    existingSecret: name,
    entry,
    url: { type: 'string', pattern: '^(rediss?://[^/?#]+(/[0-9]{0,5})?)?$' },
    name: { type: 'string', pattern: '^[A-Za-z0-9_.-]{0,64}$' },
    port: whole(1, 65_535),
    to: objects,
    install: only({
      enabled: flag,
      image: { type: 'string', minLength: 1 },
      appendfsync: choice('everysec', 'always'),
      maxmemory: { type: 'string', pattern: '^[1-9][0-9]*(mb|gb)$' },
      storageClass: name,
      size,
      resources,
    }),
  }),
  learner: only({
    serves: flag,
    updateStrategy: choice('RollingUpdate', 'OnDelete'),
    resources,
    nodeSelector: labels,
    tolerations: objects,
    affinity: anything,
    serviceAccount: account,
  }),
  versions: only({
    travel: choice('http', 'volume', 's3'),
    token: reference,
    volume: only(claim),
    s3: only({
      endpoint: url,
      bucket: { type: 'string', pattern: '^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$' },
      region: { type: 'string', pattern: '^[a-z0-9-]{1,64}$' },
      existingSecret: name,
      accessKeyEntry: entry,
      secretKeyEntry: entry,
      egress: objects,
    }),
  }),
  listenAddress: choice('0.0.0.0', '::'),
  auth: only({
    existingSecret: name,
    entry,
    allowAnonymous: flag,
    clientKey: reference,
    adminKey: reference,
  }),
  storage: only({
    models: only({
      enabled: flag,
      readOnly: flag,
      accessMode: choice('ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'),
      ...claim,
    }),
    learning: only({ accessMode: ofOnePod, ...claim }),
    state: only({ accessMode: ofOnePod, storageClass: name, size }),
    tmpSize: size,
  }),
  import: only({
    enabled: flag,
    checkpoint: { type: 'string', pattern: '^(/.*)?$' },
    egress: objects,
  }),
  resources,
  runtimeClassName: name,
  nodeSelector: labels,
  tolerations: objects,
  affinity: anything,
  priorityClassName: name,
  topologySpread: objects,
  podAnnotations: labels,
  podLabels: labels,
  podSecurityContext: anything,
  securityContext: anything,
  extraEnv: objects,
  extraVolumes: objects,
  extraVolumeMounts: objects,
  serviceAccount: account,
  drain: only({ preStopSeconds: whole(1, 600), graceSeconds: whole(0, 86_400) }),
  probes: only({ startup: probe, readiness: probe, liveness: probe }),
  service: only({
    type: choice('ClusterIP', 'NodePort', 'LoadBalancer'),
    port: whole(1, 65_535),
    annotations: labels,
  }),
  admin: only({ expose: flag, from: objects }),
  networkPolicy: only({ enabled: flag, from: objects, egress: objects }),
  pdb: only({
    enabled: flag,
    maxUnavailable: { oneOf: [whole(1, 1000), { type: 'string', pattern: '^[1-9][0-9]?%$' }] },
  }),
  ingress: only({
    enabled: flag,
    className: name,
    annotations: labels,
    hosts: { type: 'array', minItems: 1, items: only({ host: text, path: text }) },
    tls: objects,
  }),
  httpRoute: only({
    enabled: flag,
    annotations: labels,
    parentRefs: objects,
    hostnames: { type: 'array', items: text },
    requestTimeout: { oneOf: [{ const: '' }, seconds] },
  }),
  autoscaling: only({ ...scaling, behavior: anything }),
  keda: only({
    ...scaling,
    serverAddress: text,
    pollingInterval: whole(1, 3600),
    cooldownPeriod: whole(0, 86_400),
  }),
  serviceMonitor: only({ enabled: flag, labels, interval: seconds, scrapeTimeout: seconds }),
  prometheusRule: only({
    enabled: flag,
    labels,
    runbookUrl: { type: 'string', minLength: 1 },
    maxRefusedShare: share,
    maxFailedShare: share,
    maxFirstTokenSeconds: { type: 'number', exclusiveMinimum: 0 },
  }),
  grafanaDashboard: only({ enabled: flag, labels, annotations: labels }),
  test: only({ enabled: flag }),
  extraObjects: { type: 'array', items: { type: ['object', 'string'] } },
};

interface Section {
  readonly properties: Readonly<Record<string, Schema>>;
}

/** A bare `on` or `off` is a boolean to Helm; templates turn it back. */
const withBooleans = (setting: Schema): Schema => {
  const { type: _, enum: values, ...rest } = setting as Schema & { readonly enum?: readonly string[] };
  return values?.includes('on') ? { enum: [...values, true, false], ...rest } : setting;
};

function configSchema(): Schema {
  const sections = Object.entries(configurationSchema().properties as Readonly<Record<string, Section>>);
  const properties: Record<string, Schema> = {};
  for (const [section, { properties: settings }] of sections) {
    const left = Object.entries(settings).filter(([key]) => !chartSettings.includes(`${section}.${key}`));
    if (left.length === 0) continue;
    const required = left.map(([key]) => key).filter((key) => readSettings.includes(`${section}.${key}`));
    const kept = left.map(([key, setting]) => [key, withBooleans(setting)] as const);
    properties[section] = only(Object.fromEntries(kept), required);
  }
  const required = new Set(readSettings.map((setting) => setting.split('.')[0]!));
  return only(properties, [...required]);
}

/** Draft 7: the newest that every Helm 3 reads. */
export function valuesSchema(): Schema {
  const properties = { ...own, config: configSchema() };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    // Helm gives every chart that is part of another one what is global there.
    ...only({ ...properties, global: anything }, Object.keys(properties)),
  };
}
