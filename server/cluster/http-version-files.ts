/** Versions' files out of another replica, as version-server.ts gives them. */
import { manifestFile } from '../../core/registry/manifest.ts';
import {
  chunksOf,
  connectionFailure,
  type FileBytes,
  manifestText,
  rangeStart,
  type VersionFiles,
} from './version-files.ts';
import { pathOf, type VersionRef } from './version-ref.ts';

export interface HttpVersionFilesOptions {
  /** Where the learner is now, "http://10.0.0.7:8090"; null while nobody knows. */
  readonly baseUrl: () => string | null;
  readonly token: string;
}

export class HttpVersionFiles implements VersionFiles {
  private readonly options: HttpVersionFilesOptions;

  constructor(options: HttpVersionFilesOptions) {
    this.options = options;
  }

  get shown(): string {
    return this.options.baseUrl() ?? 'the learner';
  }

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
    const range = { range: `bytes=${offset}-`, 'if-range': `"${sha256}"` };
    const response = await this.get(`${pathOf(ref)}/${path}`, offset === 0 ? {} : range, signal);
    const from = response.status === 206 ? rangeStart(response.headers.get('content-range')) : 0;
    if (response.status === 200 || (response.status === 206 && from === offset))
      return { from: from!, chunks: chunksOf(response.body) };
    await response.body?.cancel();
    throw this.refusal(response);
  }

  private async get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const baseUrl = this.options.baseUrl();
    if (baseUrl === null) throw new Error('there is no learner at the moment');
    const authorization = `Bearer ${this.options.token}`;
    try {
      return await fetch(`${baseUrl}/${path}`, {
        redirect: 'error',
        headers: { ...headers, authorization, 'accept-encoding': 'identity' },
        signal,
      });
    } catch (error) {
      throw new Error(`${this.shown}: ${connectionFailure(error).message}`, { cause: error });
    }
  }

  private refusal({ status }: Response): Error {
    const reason = status === 401 ? 'it does not accept the token' : `it answers with status ${status}`;
    return new Error(`${this.shown}: ${reason}`);
  }
}
