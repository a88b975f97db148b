/** Versions' files out of what answers GET with ranges: another replica, or a bucket. */
import { manifestFile } from '../../core/registry/manifest.ts';
import { chunksOf, type FileBytes, manifestText, rangeStart, type VersionFiles } from './version-files.ts';
import { pathOf, type VersionRef } from './version-ref.ts';

type Headers = Readonly<Record<string, string>>;

export abstract class RangedFiles implements VersionFiles {
  abstract readonly shown: string;

  async manifest(ref: VersionRef, signal: AbortSignal): Promise<string | null> {
    const response = await this.get(`${pathOf(ref)}/${manifestFile}`, {}, signal);
    if (response.status === 200) return manifestText(chunksOf(response.body));
    await response.body?.cancel();
    if (response.status === 404) return null;
    throw this.refusal(response);
  }

  async read(
    ref: VersionRef,
    { path, sha256 }: { readonly path: string; readonly sha256: string },
    offset: number,
    signal: AbortSignal,
  ): Promise<FileBytes> {
    const range = { range: `bytes=${offset}-`, ...this.conditionFor(sha256) };
    const response = await this.get(`${pathOf(ref)}/${path}`, offset === 0 ? {} : range, signal);
    const from = response.status === 206 ? rangeStart(response.headers.get('content-range')) : 0;
    if (response.status === 200 || (response.status === 206 && from === offset))
      return { from: from!, chunks: chunksOf(response.body) };
    await response.body?.cancel();
    throw this.refusal(response);
  }

  /** Throws what a connection's failure says. */
  protected abstract get(path: string, headers: Headers, signal: AbortSignal): Promise<Response>;

  /** What makes sure that a range is one of the same file. */
  protected abstract conditionFor(sha256: string): Headers;

  /** What a status other than those of success and absence means. */
  protected abstract reasonOf(status: number): string;

  private refusal({ status }: Response): Error {
    return new Error(`${this.shown}: ${this.reasonOf(status)}`);
  }
}
