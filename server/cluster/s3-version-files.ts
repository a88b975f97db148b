/** Versions' files out of a bucket, where the learner has put them. */
import { RangedFiles } from './ranged-files.ts';
import type { S3Bucket } from './s3-bucket.ts';

export class S3VersionFiles extends RangedFiles {
  readonly shown: string;
  private readonly bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    super();
    this.bucket = bucket;
    this.shown = bucket.shown;
  }

  protected get(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    return this.bucket.get(path, headers, signal);
  }

  /** A bucket knows files by tags of its own. */
  protected conditionFor() {
    return {};
  }

  protected reasonOf(status: number): string {
    const hint = status === 403 ? ': the access key may not read it, or the clock is wrong' : '';
    return `it answers with status ${status}${hint}`;
  }
}
