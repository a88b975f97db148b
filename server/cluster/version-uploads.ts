/** Puts versions that were published here into a bucket, the manifest last: who finds a manifest finds all files. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../../core/read-if-there.ts';
import { manifestFile } from '../../core/registry/manifest.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { locate, type VersionFolders } from './version-folders.ts';
import { pathOf, type VersionRef } from './version-ref.ts';

export interface VersionUploadsOptions {
  readonly folders: VersionFolders;
  readonly bucket: S3Bucket;
  /** For one file, however large it is. */
  readonly maxFileMs: number;
}

const maxLookMs = 10_000;

export class VersionUploads {
  numUploaded = 0;
  private readonly options: VersionUploadsOptions;
  private readonly closing = new AbortController();

  constructor(options: VersionUploadsOptions) {
    this.options = options;
  }

  /**
   * The version and what it was built on are in the bucket when it returns. Throws version_not_found when it is not here,
   * and what the bucket says.
   */
  async ensure(ref: VersionRef): Promise<void> {
    const missing: VersionRef[] = [];
    for (let next: VersionRef | null = ref; next !== null && !(await this.isThere(next)); ) {
      missing.push(next);
      const { manifest } = await locate(this.options.folders, next);
      const parent: string | null = 'parent' in manifest ? manifest.parent : null;
      next = parent === null ? null : { kind: 'adapter', id: parent };
    }
    for (const each of missing.reverse()) await this.upload(each);
  }

  close(): void {
    this.closing.abort(new Error('the replica is stopping'));
  }

  private async isThere(ref: VersionRef): Promise<boolean> {
    return (await this.sizeOf(`${pathOf(ref)}/${manifestFile}`)) !== null;
  }

  private sizeOf(name: string): Promise<number | null> {
    return this.options.bucket.sizeOf(name, this.within(maxLookMs));
  }

  private async upload(ref: VersionRef): Promise<void> {
    const { folders, bucket, maxFileMs } = this.options;
    const { folder, manifest } = await locate(folders, ref);
    for (const { path, bytes, sha256 } of manifest.files) {
      const name = `${pathOf(ref)}/${path}`;
      if ((await this.sizeOf(name)) === bytes) continue;
      await bucket.put(name, { path: join(folder, path), bytes, sha256 }, this.within(maxFileMs));
    }
    const path = join(folder, manifestFile);
    const text = (await readIfThere(path)) ?? '';
    const sha256 = createHash('sha256').update(text).digest('hex');
    const { size: bytes } = await stat(path);
    await bucket.put(`${pathOf(ref)}/${manifestFile}`, { path, bytes, sha256 }, this.within(maxFileMs));
    this.numUploaded++;
  }

  private within(ms: number): AbortSignal {
    return AbortSignal.any([this.closing.signal, AbortSignal.timeout(ms)]);
  }
}
