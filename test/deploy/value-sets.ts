/** Values that the chart is rendered with, and such as it must refuse. */
import { replicaSets, replicasRefusedBySchema, replicasRefusedTogether } from './replica-sets.ts';
import type { Values } from './values.ts';

const hash = 'ab'.repeat(32);
const noLearning = { learning: { mode: 'off' } };
const keys = { existingSecret: 'millrace-keys' };
const clientKey = { existingSecret: 'millrace-client' };
const adminKey = { existingSecret: 'millrace-admin' };

export const valueSets: Readonly<Record<string, Values>> = {
  'the defaults': {},
  'learning off': { config: noLearning },
  'learning off, as YAML 1.1 reads it': { config: { learning: { mode: false } } },
  'three replicas': { replicas: 3, config: noLearning },
  'keys in a Secret': { auth: { ...keys, clientKey, adminKey } },
  'keys in a Secret, none for the chart': { auth: { ...keys, entry: 'list' } },
  'keys among the settings': { config: { auth: { keys: [{ name: 'app', sha256: hash }] } } },
  'no model': { config: { models: { default: 'null', embeddings: '' }, ...noLearning } },
  'no encoder, fp32': { config: { models: { embeddings: '', quantization: 'fp32' } } },
  'every kind of setting': {
    config: {
      engine: { threads: 3, maxSlots: 8, prefixCacheBytes: 2 ** 31 },
      learning: { mode: 'on', threads: 2, consolidateAfter: 50 },
      memory: { mode: false },
      feedback: { logBytes: 2 ** 40, keepResponsesHours: 0 },
      log: { level: 'warn' },
    },
  },
  'an image by digest': { image: { repository: 'registry.example/millrace', digest: `sha256:${hash}` } },
  'an image by tag': {
    image: { tag: 'main', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
  },
  'a GPU node': {
    resources: { limits: { 'nvidia.com/gpu': 1, memory: '8Gi' }, requests: { cpu: 4 } },
    runtimeClassName: 'nvidia',
    nodeSelector: { 'nvidia.com/gpu.present': 'true' },
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'serving',
  },
  'half a core more than one': { resources: { limits: { cpu: '1500m' } } },
  'sixteen cores': { resources: { limits: { cpu: 16 } } },
  'no requests': { resources: { requests: null, limits: null } },
  'an Ingress': {
    auth: keys,
    ingress: {
      enabled: true,
      className: 'nginx',
      annotations: { 'nginx.ingress.kubernetes.io/proxy-buffering': 'off' },
      hosts: [{ host: 'llm.example', path: '/' }],
      tls: [{ hosts: ['llm.example'], secretName: 'llm-tls' }],
    },
  },
  'an HTTPRoute': {
    auth: keys,
    httpRoute: {
      enabled: true,
      parentRefs: [{ name: 'gateway', namespace: 'gateways' }],
      hostnames: ['llm.example'],
      requestTimeout: '600s',
    },
  },
  'a load balancer for everybody': {
    auth: { allowAnonymous: true },
    service: { type: 'LoadBalancer', port: 80 },
  },
  'an exposed admin listener': {
    auth: { ...keys, adminKey },
    admin: {
      expose: true,
      from: [{ podSelector: { matchLabels: { app: 'operator' } } }],
    },
  },
  'an exposed admin listener that nobody may reach': { auth: keys, admin: { expose: true } },
  'an HPA': {
    config: noLearning,
    autoscaling: { enabled: true, behavior: { scaleDown: { stabilizationWindowSeconds: 600 } } },
  },
  KEDA: { config: noLearning, keda: { enabled: true, serverAddress: 'http://prometheus.monitoring:9090' } },
  monitoring: {
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
    grafanaDashboard: { enabled: true, annotations: { folder: 'llm' } },
  },
  'monitoring with keys': { auth: { ...keys, clientKey }, serviceMonitor: { enabled: true } },
  'claims that are there': {
    storage: {
      models: { existingClaim: 'my-models' },
      learning: { existingClaim: 'my-learning', accessMode: 'ReadWriteOncePod' },
    },
  },
  'other classes and sizes of storage': {
    storage: {
      models: { storageClass: 'fast', size: '50Gi' },
      learning: { storageClass: 'fast', size: '1Ti', accessMode: 'ReadWriteOncePod' },
    },
  },
  'replicas over shared models': {
    replicas: 4,
    config: noLearning,
    storage: { models: { existingClaim: 'shared-models', readOnly: true } },
  },
  'models that do not last': { config: noLearning, storage: { models: { enabled: false } } },
  'no import': { import: { enabled: false } },
  'a checkpoint of their own': {
    config: { models: { default: 'my-model' } },
    import: { checkpoint: '/checkpoints/my-model' },
    extraVolumes: [{ name: 'checkpoints', persistentVolumeClaim: { claimName: 'checkpoints' } }],
    extraVolumeMounts: [{ name: 'checkpoints', mountPath: '/checkpoints', readOnly: true }],
  },
  'as little as can be': {
    networkPolicy: { enabled: false },
    pdb: { enabled: false },
    test: { enabled: false },
    serviceAccount: { create: false },
    topologySpread: [],
    import: { enabled: false },
  },
  'closed to everybody': { networkPolicy: { from: [] }, test: { enabled: false } },
  'further egress': {
    networkPolicy: { egress: [{ ports: [{ protocol: 'TCP', port: 4317 }] }] },
    import: { egress: [] },
  },
  'other names': { nameOverride: 'llm', serviceAccount: { name: 'llm', annotations: { owner: 'team' } } },
  'a full name': { fullnameOverride: 'the-llm' },
  'a long drain': {
    config: { server: { drainMs: 120_500 } },
    drain: { preStopSeconds: 15, graceSeconds: 200 },
    probes: { startup: { failureThreshold: 200 } },
  },
  'IPv6 alone': { listenAddress: '::' },
  'annotations, labels and variables': {
    podAnnotations: { note: 'x' },
    podLabels: { team: 'llm' },
    extraEnv: [{ name: 'MILLRACE_LOG_LEVEL', value: 'debug' }],
    service: { annotations: { note: 'x' } },
    pdb: { maxUnavailable: '50%' },
  },
  'objects of their own': {
    extraObjects: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: '{{ .Release.Name }}-more' },
        data: { a: 'b' },
      },
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include "millrace.fullname" . }}-text\n',
    ],
  },
  ...replicaSets,
};

/** Each with what the message must say. */
export const refusedTogether: Readonly<Record<string, readonly [Values, RegExp]>> = {
  'replicas that learn': [{ replicas: 2 }, /learning\.mode is on, so replicas must be 1/],
  'an HPA over what learns': [{ autoscaling: { enabled: true } }, /autoscaling and keda off/],
  'KEDA over what learns': [
    { keda: { enabled: true, serverAddress: 'http://p' } },
    /autoscaling and keda off/,
  ],
  'two autoscalers': [
    {
      config: noLearning,
      autoscaling: { enabled: true },
      keda: { enabled: true, serverAddress: 'http://p' },
    },
    /choose one/,
  ],
  'KEDA without Prometheus': [{ config: noLearning, keda: { enabled: true } }, /keda\.serverAddress/],
  'a minimum above the maximum': [
    { config: noLearning, autoscaling: { enabled: true, minReplicas: 9 } },
    /minReplicas is 9, above maxReplicas, 4/,
  ],
  'a grace as long as the drain': [
    { drain: { graceSeconds: 40 } },
    /graceSeconds is 40; it must be longer .* 40 s/,
  ],
  'replicas that import over each other': [
    { replicas: 2, config: noLearning, storage: { models: { existingClaim: 'shared' } } },
    /set storage\.models\.readOnly/,
  ],
  'a new volume that is read-only': [
    { config: noLearning, storage: { models: { readOnly: true } } },
    /a new volume is empty/,
  ],
  'learning over read-only models': [
    { storage: { models: { existingClaim: 'shared', readOnly: true } } },
    /consolidation writes/,
  ],
  'learning over models that do not last': [
    { storage: { models: { enabled: false } } },
    /belongs to one imported version/,
  ],
  'keys in two places': [
    { auth: keys, config: { auth: { keys: [{ name: 'app', sha256: hash }] } } },
    /both list the keys/,
  ],
  'an Ingress without keys': [{ ingress: { enabled: true } }, /without a key, and can be taught/],
  'a load balancer without keys': [{ service: { type: 'LoadBalancer' } }, /without a key/],
  'an exposed admin listener without keys': [{ admin: { expose: true } }, /promotion, rollback and drain/],
  'a route to no gateway': [{ auth: keys, httpRoute: { enabled: true } }, /httpRoute\.parentRefs/],
  'a scrape without a key': [{ auth: keys, serviceMonitor: { enabled: true } }, /answers 401/],
  ...replicasRefusedTogether,
};

/** What the schema refuses, each by one thing that is wrong. */
export const refusedBySchema: Readonly<Record<string, Values>> = {
  'what is not built': { gpu: { enabled: true } },
  'a trainer of its own': { trainer: { replicas: 1 } },
  'a name misspelt': { replica: 1 },
  'a name misspelt further in': { storage: { models: { sise: '1Gi' } } },
  'an unknown setting': { config: { engine: { slots: 3 } } },
  'an unknown section': { config: { replicas: { url: 'x' } } },
  "the chart's address": { config: { server: { host: '0.0.0.0' } } },
  "the chart's port": { config: { admin: { port: 1 } } },
  "the chart's folder": { config: { learning: { dir: '/x' } } },
  'a number as text': { replicas: '1' },
  'half a replica': { replicas: 1.5 },
  'a negative drain': { config: { server: { drainMs: -1 } } },
  'no drain': { config: { server: { drainMs: null } } },
  'a setting out of bounds': { config: { engine: { maxSlots: 1000 } } },
  'an unknown mode': { config: { learning: { mode: 'sometimes' } } },
  'a learning volume for many': { storage: { learning: { accessMode: 'ReadWriteMany' } } },
  'a size without a unit': { storage: { learning: { size: '10' } } },
  'a digest cut short': { image: { digest: 'sha256:abc' } },
  'a type of Service that does not select': { service: { type: 'ExternalName' } },
  'a port out of range': { service: { port: 70_000 } },
  'an address of one interface': { listenAddress: '10.0.0.1' },
  'a checkpoint without a path': { import: { checkpoint: 'my-model' } },
  'a share above one': { prometheusRule: { maxRefusedShare: 5 } },
  'an interval without a unit': { serviceMonitor: { interval: '30' } },
  'no name for a key': { config: { auth: { keys: [{ sha256: hash }] } } },
  'a disruption of nobody': { pdb: { maxUnavailable: 0 } },
  ...replicasRefusedBySchema,
};
