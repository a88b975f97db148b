/** Versions' files out of another replica, as version-server.ts gives them. */
import { RangedFiles } from './ranged-files.ts';
import { connectionFailure } from './version-files.ts';

export interface HttpVersionFilesOptions {
  /** Where the learner is now, "http://10.0.0.7:8090"; null while nobody knows. */
  readonly baseUrl: () => string | null;
  readonly token: string;
}

export class HttpVersionFiles extends RangedFiles {
  private readonly options: HttpVersionFilesOptions;

  constructor(options: HttpVersionFilesOptions) {
    super();
    this.options = options;
  }

  get shown(): string {
    return this.options.baseUrl() ?? 'the learner';
  }

  protected async get(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
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

  protected conditionFor(sha256: string) {
    return { 'if-range': `"${sha256}"` };
  }

  protected reasonOf(status: number): string {
    return status === 401 ? 'it does not accept the token' : `it answers with status ${status}`;
  }
}
