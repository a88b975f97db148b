/** Settings of several servers that act as one; part of declaration.ts. */
import { choice, integer, redisUrl, text, url, word } from './setting.ts';

export const clusterSettings = {
  'cluster.redisUrl': redisUrl({
    description:
      'Redis that several servers act as one through: `redis://user:password@host:6379/0`, or `rediss://` for TLS. The variable `REDIS_URL` gives it, too. Empty: this server is on its own.',
  }),
  'cluster.name': word({
    default: 'millrace',
    description: 'What the servers that act as one are called in Redis; those of another name are others.',
  }),
  'cluster.replica': word({
    default: '',
    optional: true,
    description: 'Name of this server among them, which no other one has. Empty takes the name of the host.',
  }),
  'cluster.role': choice({
    default: 'learner',
    values: ['learner', 'follower'],
    description:
      'Which part this server plays among several: the learner trains and offers the versions, of which there is one; followers serve what it has learned.',
  }),
  'cluster.commandMs': integer({
    default: 250,
    min: 10,
    max: 10_000,
    unit: 'ms',
    description: 'Time in which Redis must answer; afterwards the server goes on without it.',
  }),
  'cluster.lockMs': integer({
    default: 10_000,
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    description:
      'How long a learner that is not heard of keeps others from learning. It renews its lock three times as often.',
  }),
  'cluster.limitsWithoutRedis': choice({
    default: 'local',
    values: ['local', 'open', 'closed'],
    description:
      'Limits of API keys while Redis cannot be reached: `local` counts in each server for itself, `open` lets all requests in, `closed` answers requests of limited keys with 503.',
  }),
  'cluster.readyPercent': integer({
    default: 51,
    min: 0,
    max: 100,
    unit: '%',
    description:
      'Share of the live servers that must be able to serve a version before an alias is moved to it; the others follow when they can.',
  }),
  'cluster.readyWaitMs': integer({
    default: 30_000,
    min: 0,
    max: 3_600_000,
    unit: 'ms',
    description: 'How long such a move waits for them before it is refused.',
  }),
  'cluster.versions': choice({
    default: 'http',
    values: ['http', 'volume', 's3'],
    description:
      'How the files of versions come to followers: from the learner over HTTP, in a folder that all have mounted, or through an S3 bucket.',
  }),
  'cluster.filesHost': text({
    default: '127.0.0.1',
    description:
      'Address on which the learner offers the files of versions. 0.0.0.0 opens it to the network: set cluster.token first.',
  }),
  'cluster.filesPort': integer({
    default: 8082,
    min: 0,
    max: 65535,
    description: 'Port of that; 0 takes a free one.',
  }),
  'cluster.filesUrl': url({
    default: '',
    optional: true,
    description:
      'Where followers reach it, `http://learner:8082` for example. Empty takes cluster.filesHost and the port.',
  }),
  'cluster.token': text({
    default: '',
    secret: true,
    optional: true,
    description: 'What followers must show to get files of versions; the same on all servers.',
  }),
  'cluster.s3Endpoint': url({
    default: '',
    optional: true,
    description: 'S3 or what speaks like it, `https://s3.eu-central-1.amazonaws.com` for example.',
  }),
  'cluster.s3Bucket': text({
    default: '',
    optional: true,
    description: 'Bucket for the files of versions.',
  }),
  'cluster.s3Region': text({
    default: 'us-east-1',
    description: 'Region that requests to it are signed for.',
  }),
  'cluster.s3AccessKeyId': text({
    default: '',
    optional: true,
    description: 'Access key for the bucket.',
  }),
  'cluster.s3SecretAccessKey': text({
    default: '',
    secret: true,
    optional: true,
    description: 'Its secret.',
  }),
} as const;
