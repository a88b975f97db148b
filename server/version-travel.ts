/** How the files of versions come to this replica and leave it, as the configuration says. */
import { resolve } from 'node:path';
import { MillraceError } from '../core/errors.ts';
import type { LearningLayout } from '../core/registry/learning-layout.ts';
import { FetchedVersions } from './cluster/fetched-versions.ts';
import { HttpVersionFiles } from './cluster/http-version-files.ts';
import { S3Bucket } from './cluster/s3-bucket.ts';
import { S3VersionFiles } from './cluster/s3-version-files.ts';
import type { VersionFiles } from './cluster/version-files.ts';
import type { VersionFolders } from './cluster/version-folders.ts';
import type { VersionRef } from './cluster/version-ref.ts';
import { openVersionServer } from './cluster/version-server.ts';
import type { VersionSource } from './cluster/version-source.ts';
import { VersionUploads } from './cluster/version-uploads.ts';
import { VolumeVersions } from './cluster/volume-versions.ts';
import type { Config } from './config/declaration.ts';

export interface VersionTravel {
  readonly source: VersionSource;
  /** Puts a version where others find it; null where they ask this replica for it, or need nothing. */
  readonly offer: ((ref: VersionRef) => Promise<void>) | null;
  /** Where others ask this replica for versions; null where they do not. */
  readonly url: string | null;
  close(): Promise<void>;
}

export interface TravelNeeds {
  readonly layout: Pick<LearningLayout, 'adapters'>;
  readonly learnerUrl: () => string | null;
  readonly onProblem: (message: string) => void;
}

const fetching = { maxTries: 8, idleMs: 10_000, firstBackOffMs: 200 } as const;
const maxVolumeWaitMs = 30_000;
const maxUploadMs = 3_600_000;
const listening = { maxConnections: 64, idleMs: 30_000 } as const;

/** Throws invalid_argument for settings that do not fit together, and for an address that cannot be had. */
export async function openVersionTravel(config: Config, needs: TravelNeeds): Promise<VersionTravel> {
  const folders = { adapters: needs.layout.adapters, modelsDir: resolve(config['models.dir']) };
  const isLearner = config['cluster.role'] === 'learner';
  switch (config['cluster.versions']) {
    case 'volume': {
      const source = new VolumeVersions({ folders, maxWaitMs: maxVolumeWaitMs });
      return { source, offer: null, url: null, close: () => source.close() };
    }
    case 's3': {
      const bucket = bucketOf(config);
      const source = await fetched(folders, new S3VersionFiles(bucket));
      const uploads = new VersionUploads({ folders, bucket, maxFileMs: maxUploadMs });
      const offer = isLearner ? (ref: VersionRef) => uploads.ensure(ref) : null;
      const close = async (): Promise<void> => {
        uploads.close();
        await source.close();
      };
      return { source, offer, url: null, close };
    }
    default:
      return overHttp(config, needs, folders);
  }
}

async function overHttp(
  config: Config,
  { learnerUrl, onProblem }: TravelNeeds,
  folders: VersionFolders,
): Promise<VersionTravel> {
  const token = config['cluster.token'];
  if (token === '') throw missing('cluster.token', 'http');
  const source = await fetched(folders, new HttpVersionFiles({ baseUrl: learnerUrl, token }));
  if (config['cluster.role'] === 'follower')
    return { source, offer: null, url: null, close: () => source.close() };
  const host = config['cluster.filesHost'];
  const server = await openVersionServer({
    ...{ folders, host, port: config['cluster.filesPort'], token, onProblem },
    ...listening,
  });
  const own = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  return {
    source,
    offer: null,
    url: config['cluster.filesUrl'] || own,
    async close() {
      await server.close();
      await source.close();
    },
  };
}

async function fetched(folders: VersionFolders, files: VersionFiles): Promise<VersionSource> {
  const source = new FetchedVersions({ folders, files, ...fetching });
  await source.sweep(Date.now());
  return source;
}

function bucketOf(config: Config): S3Bucket {
  const needed = ['s3Endpoint', 's3Bucket', 's3AccessKeyId', 's3SecretAccessKey'] as const;
  for (const name of needed) if (config[`cluster.${name}`] === '') throw missing(`cluster.${name}`, 's3');
  return new S3Bucket({
    endpoint: config['cluster.s3Endpoint'],
    bucket: config['cluster.s3Bucket'],
    region: config['cluster.s3Region'],
    prefix: `${config['cluster.name']}/`,
    accessKeyId: config['cluster.s3AccessKeyId'],
    secretAccessKey: config['cluster.s3SecretAccessKey'],
  });
}

function missing(setting: string, versions: string): MillraceError {
  const message = `${setting} is not set, which cluster.versions=${versions} needs.`;
  return new MillraceError('invalid_argument', { message }, { param: setting });
}
