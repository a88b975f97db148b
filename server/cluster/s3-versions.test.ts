import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AwsClient } from 'aws4fetch';
import { MillraceError } from '../../core/errors.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { baseFolderName } from '../../core/registry/manifest.ts';
import { noS3, S3Server, s3Keys } from '../../test/s3-server.ts';
import { FetchedVersions } from './fetched-versions.ts';
import { S3Bucket, type S3Options } from './s3-bucket.ts';
import { S3VersionFiles } from './s3-version-files.ts';
import type { VersionFiles } from './version-files.ts';
import { addAdapter, addBase, foldersAt, interrupted } from './version-fixtures.ts';
import type { VersionFolders } from './version-folders.ts';
import { VersionUploads } from './version-uploads.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-s3-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolders = (): VersionFolders => foldersAt(join(root, String(numFolders++)));
let numPrefixes = 0;

const failsWith =
  (code: string, text = '') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(text), error.message);
    return true;
  };

describe('versions in a bucket', { skip: noS3 }, () => {
  let server: S3Server;
  const region = 'eu-central-1';
  const signer = new AwsClient({ ...s3Keys, region, service: 's3', retries: 0 });

  before(async () => {
    server = await S3Server.start();
    const body =
      '<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>';
    const made = await signer.fetch(`${server.endpoint}/models`, { method: 'PUT', body });
    assert.ok(made.ok || made.status === 409, await made.text());
  });
  after(() => server?.close());

  const bucketWith = (change: Partial<S3Options> = {}): S3Bucket =>
    new S3Bucket({
      endpoint: server.endpoint,
      bucket: 'models',
      region,
      prefix: `test ${numPrefixes++}/ü+`,
      ...s3Keys,
      ...change,
    });
  const from = (folders: VersionFolders, files: VersionFiles): FetchedVersions =>
    new FetchedVersions({ folders, files, maxTries: 3, idleMs: 5_000, firstBackOffMs: 10 });
  const to = (folders: VersionFolders, bucket: S3Bucket): VersionUploads =>
    new VersionUploads({ folders, bucket, maxFileMs: 20_000 });

  test('what one replica puts there another has, with what it was built on, and nothing goes twice', async () => {
    const [there, here] = [newFolders(), newFolders()];
    const bucket = bucketWith();
    const parent = await addAdapter(there, 'parent');
    const child = await addAdapter(there, 'child', { parent });
    const version = await addBase(there, 3 * 2 ** 20);
    const uploads = to(there, bucket);
    const source = from(here, new S3VersionFiles(bucket));
    await assert.rejects(source.ensure({ kind: 'adapter', id: child }), failsWith('version_not_found'));
    await uploads.ensure({ kind: 'adapter', id: child });
    await uploads.ensure({ kind: 'base', model: 'tiny', version });
    await uploads.ensure({ kind: 'adapter', id: parent });
    assert.equal(uploads.numUploaded, 3);
    await source.ensure({ kind: 'adapter', id: child });
    await source.ensure({ kind: 'base', model: 'tiny', version });
    for (const id of [parent, child]) await openAdapter(here.adapters, id);
    const name = baseFolderName('tiny', version);
    for (const file of readdirSync(join(there.modelsDir, name)))
      assert.deepEqual(
        readFileSync(join(here.modelsDir, name, file)),
        readFileSync(join(there.modelsDir, name, file)),
      );
    assert.equal(source.numFetched, 3);
    await assert.rejects(
      uploads.ensure({ kind: 'adapter', id: '0'.repeat(12) }),
      failsWith('version_not_found'),
    );
  });

  test('a connection that breaks is gone on with at the byte that was got to', async () => {
    const [there, here] = [newFolders(), newFolders()];
    const bucket = bucketWith();
    const bytes = 4 * 2 ** 20;
    const id = await addAdapter(there, 'large', { bytes });
    await to(there, bucket).ensure({ kind: 'adapter', id });
    const files = interrupted(new S3VersionFiles(bucket), bytes / 2, async () => {
      throw new Error('the connection is gone');
    });
    const source = from(here, files);
    await source.ensure({ kind: 'adapter', id });
    await openAdapter(here.adapters, id);
    assert.equal(source.numBytes, bytes + 100);
  });

  test('an object that was exchanged is refused', async () => {
    const [there, here] = [newFolders(), newFolders()];
    const bucket = bucketWith();
    const id = await addAdapter(there, 'one');
    await to(there, bucket).ensure({ kind: 'adapter', id });
    const path = join(root, 'other');
    writeFileSync(
      path,
      readFileSync(join(there.adapters, id, 'adapter.bin')).map((byte) => byte ^ 1),
    );
    const sha256 = (await import('node:crypto'))
      .createHash('sha256')
      .update(readFileSync(path))
      .digest('hex');
    const name = `versions/adapters/${id}/adapter.bin`;
    await bucket.put(name, { path, bytes: 10_000, sha256 }, AbortSignal.timeout(5_000));
    const source = from(here, new S3VersionFiles(bucket));
    await assert.rejects(
      source.ensure({ kind: 'adapter', id }),
      failsWith('version_fetch_failed', 'SHA-256'),
    );
    assert.ok(!readdirSync(here.adapters).includes(id));
  });

  test('what is signed with another secret, or is not what it is said to be, is refused and told', async (context) => {
    if (!server.checks) return context.skip('this server of S3 checks no signatures');
    const [there, here] = [newFolders(), newFolders()];
    const id = await addAdapter(there, 'one');
    const stranger = bucketWith({ secretAccessKey: 'another secret' });
    await assert.rejects(to(there, stranger).ensure({ kind: 'adapter', id }), /status 403/);
    const source = from(here, new S3VersionFiles(stranger));
    await assert.rejects(
      source.ensure({ kind: 'adapter', id }),
      failsWith('version_fetch_failed', 'status 403'),
    );
    const path = join(root, 'one');
    writeFileSync(path, 'content');
    const said = { path, bytes: 7, sha256: '0'.repeat(64) };
    await assert.rejects(bucketWith().put('x', said, AbortSignal.timeout(5_000)), /status 400/);
  });

  test('a bucket that is not there, and a server that is away, are told', async () => {
    const there = newFolders();
    const id = await addAdapter(there, 'one');
    const nowhere = bucketWith({ bucket: 'no-such-bucket' });
    await assert.rejects(to(there, nowhere).ensure({ kind: 'adapter', id }), /status 404/);
    const away = bucketWith({ endpoint: 'http://127.0.0.1:9' });
    await assert.rejects(to(there, away).ensure({ kind: 'adapter', id }), /127\.0\.0\.1:9/);
  });
});
