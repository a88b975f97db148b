/** The same for several servers that act as one over Redis. */
import type { Values } from './values.ts';

const redis = { existingSecret: 'the-redis' };
const noLearning = { learning: { mode: 'off' } };
const keys = { existingSecret: 'millrace-keys' };
const clientKey = { existingSecret: 'millrace-client' };
const shared = { models: { existingClaim: 'shared-models' } };
const s3 = {
  travel: 's3',
  s3: { endpoint: 'https://s3.example', bucket: 'versions', existingSecret: 'the-bucket' },
};

export const replicaSets: Readonly<Record<string, Values>> = {
  'a learner and a follower': { redis },
  'three followers': { redis, replicas: 3 },
  'no follower': { redis, replicas: 0, learner: { serves: true } },
  'a learner that serves': { redis, replicas: 2, learner: { serves: true } },
  'a URL in clear': { redis: { url: 'rediss://user:p%40ss@redis.example:6380/2', name: 'mill', port: 6380 } },
  'peers of Redis': {
    redis: { ...redis, entry: 'address', port: 6380, to: [{ ipBlock: { cidr: '10.1.2.3/32' } }] },
  },
  'a Redis for trials': { redis: { install: { enabled: true, appendfsync: 'always', maxmemory: '1gb' } } },
  'a Redis for trials without policies': {
    redis: { install: { enabled: true } },
    networkPolicy: { enabled: false },
  },
  'a token in a Secret': { redis, versions: { token: { existingSecret: 'the-token', entry: 'files' } } },
  'a shared folder': { redis, replicas: 2, versions: { travel: 'volume' }, storage: shared },
  'a shared folder that is there': {
    redis,
    versions: { travel: 'volume', volume: { existingClaim: 'shared-adapters' } },
    storage: shared,
    import: { enabled: false },
  },
  'a bucket': { redis, versions: s3 },
  'a bucket inside': {
    redis,
    versions: { travel: 's3', s3: { ...s3.s3, egress: [{ ports: [{ protocol: 'TCP', port: 9000 }] }] } },
  },
  'a learner of its own kind': {
    redis,
    config: { learning: { threads: 3 } },
    learner: {
      resources: { requests: { cpu: '6500m', memory: '8Gi' } },
      updateStrategy: 'OnDelete',
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'learner', operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      serviceAccount: { name: 'teacher', annotations: { owner: 'team' } },
    },
    nodeSelector: { zone: 'a' },
  },
  'followers without accounts': {
    redis,
    serviceAccount: { create: false },
    learner: { serviceAccount: { create: false } },
  },
  'followers with an HPA': { redis, autoscaling: { enabled: true } },
  'followers with KEDA': {
    redis,
    keda: { enabled: true, serverAddress: 'http://prometheus.monitoring:9090' },
  },
  'followers with monitoring and keys': {
    redis,
    auth: { ...keys, clientKey },
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    grafanaDashboard: { enabled: true },
  },
  'replicas that do not learn and share limits': { redis, replicas: 3, config: noLearning },
  'one that does not learn, with an exposed admin listener': {
    redis,
    config: noLearning,
    auth: keys,
    admin: { expose: true, from: [{ podSelector: { matchLabels: { app: 'operator' } } }] },
    prometheusRule: { enabled: true },
  },
  'followers with an exposed admin listener': { redis, auth: keys, admin: { expose: true } },
  'settings of replicas': {
    redis,
    config: {
      cluster: {
        commandMs: 500,
        lockMs: 30_000,
        limitsWithoutRedis: 'closed',
        readyPercent: 50,
        readyWaitMs: 0,
      },
    },
  },
  "a learner's own models claim": {
    redis,
    storage: {
      models: { existingClaim: 'my-models' },
      learning: { existingClaim: 'my-learning' },
      state: { storageClass: 'fast', accessMode: 'ReadWriteOncePod', size: '100Gi' },
    },
  },
  'replicas over IPv6 with a long name': {
    redis,
    listenAddress: '::',
    fullnameOverride: 'a-name-that-is-as-long-as-names-may-be-in-here-000',
  },
};

/** Each with what the message must say. */
export const replicasRefusedTogether: Readonly<Record<string, readonly [Values, RegExp]>> = {
  'two ways to Redis': [
    { redis: { ...redis, url: 'redis://x' } },
    /redis\.existingSecret and redis\.url each say which Redis/,
  ],
  'three ways to Redis': [
    { redis: { ...redis, url: 'redis://x', install: { enabled: true } } },
    /redis\.existingSecret and redis\.url and redis\.install\.enabled each/,
  ],
  'a Redis without a password beside keys': [
    { redis: { url: 'redis://redis:6379' }, auth: keys },
    /redis\.url has no password/,
  ],
  'a shared folder without shared models': [
    { redis, versions: { travel: 'volume' } },
    /needs storage\.models\.existingClaim, a ReadWriteMany claim/,
  ],
  'a bucket without its name and keys': [
    { redis, versions: { travel: 's3', s3: { endpoint: 'https://s3.example' } } },
    /needs versions\.s3\.bucket and versions\.s3\.existingSecret\./,
  ],
  'a shared folder without Redis': [
    { versions: { travel: 'volume' }, storage: shared },
    /without redis there are none/,
  ],
  'a learner without Redis': [{ learner: { serves: true } }, /there are none without redis/],
  'a learner that does not learn': [
    { redis, config: noLearning, learner: { resources: { limits: { memory: '8Gi' } } } },
    /or with config\.learning\.mode "off"/,
  ],
  'two autoscalers of followers': [
    { redis, autoscaling: { enabled: true }, keda: { enabled: true, serverAddress: 'http://p' } },
    /choose one/,
  ],
  'followers over read-only models': [
    { redis, storage: { models: { existingClaim: 'shared', readOnly: true } } },
    /consolidation writes/,
  ],
  'followers over models that do not last': [
    { redis, storage: { models: { enabled: false } } },
    /belongs to one imported version/,
  ],
  'followers and a load balancer without keys': [
    { redis, service: { type: 'LoadBalancer' } },
    /without a key/,
  ],
};

/** What the schema refuses, each by one thing that is wrong. */
export const replicasRefusedBySchema: Readonly<Record<string, Values>> = {
  'a Redis that is turned on without an address': { redis: { enabled: true } },
  'an address that is not of Redis': { redis: { url: 'http://redis:6379' } },
  'an address with a query': { redis: { url: 'redis://redis:6379/0?a=b' } },
  'a name for Redis with spaces': { redis: { name: 'my servers' } },
  'a port of Redis out of range': { redis: { port: 0 } },
  'a Redis that syncs when it likes': { redis: { install: { appendfsync: 'no' } } },
  'a Redis without a bound': { redis: { install: { maxmemory: '0' } } },
  'two learners': { learner: { replicas: 2 } },
  'a pigeon': { versions: { travel: 'pigeon' } },
  'a token in clear': { versions: { token: 'secret' } },
  'a bucket in capitals': { versions: { s3: { bucket: 'Versions' } } },
  'an endpoint without a scheme': { versions: { s3: { endpoint: 's3.example' } } },
  'a state volume for many': { storage: { state: { accessMode: 'ReadWriteMany' } } },
  "the chart's Redis": { config: { cluster: { redisUrl: 'redis://x' } } },
  "the chart's role": { config: { cluster: { role: 'follower' } } },
  "the chart's token": { config: { cluster: { token: 'x' } } },
  "the chart's way for versions": { config: { cluster: { versions: 's3' } } },
  'a share of servers above all': { config: { cluster: { readyPercent: 101 } } },
};
