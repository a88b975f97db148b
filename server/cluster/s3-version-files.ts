/** Versions' files out of a bucket, where the learner has put them. */
import { manifestFile } from '../../core/registry/manifest.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { chunksOf, type FileBytes, manifestText, rangeStart, type VersionFiles } from './version-files.ts';
import { pathOf, type VersionRef } from './version-ref.ts';

export class S3VersionFiles implements VersionFiles {
  readonly shown: string;
  private readonly bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.bucket = bucket;
    this.shown = bucket.shown;
  }

  async manifest(ref: VersionRef, signal: AbortSignal): Promise<string | null> {
    const response = await this.bucket.get(`${pathOf(ref)}/${manifestFile}`, {}, signal);
    if (response.status === 200) return manifestText(chunksOf(response.body));
    await response.body?.cancel();
    if (response.status === 404) return null;
    throw this.refusal(response);
  }

  async read(
    ref: VersionRef,
    { path }: { readonly path: string },
    offset: number,
    signal: AbortSignal,
  ): Promise<FileBytes> {
    const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const response = await this.bucket.get(`${pathOf(ref)}/${path}`, range, signal);
    const from = response.status === 206 ? rangeStart(response.headers.get('content-range')) : 0;
    if (response.status === 200 || (response.status === 206 && from === offset))
      return { from: from!, chunks: chunksOf(response.body) };
    await response.body?.cancel();
    throw this.refusal(response);
  }

  private refusal({ status }: Response): Error {
    const hint = status === 403 ? ': the access key may not read it, or the clock is wrong' : '';
    return new Error(`${this.shown}: it answers with status ${status}${hint}`);
  }
}
