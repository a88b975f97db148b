/** Calls to a running server's admin listener. */

import { MillraceError } from '../../core/errors.ts';
import { messageOf } from '../../core/message-of.ts';
import { type Invocation, UsageError } from './command.ts';
import { listenerUrl } from './listener-url.ts';
import { configOf } from './settings.ts';

/** Moving a base starts an engine, and versions that are compared answer many questions. */
const timeoutMs = 600_000;

export type Json = Readonly<Record<string, unknown>>;

export interface AdminClient {
  get(path: string): Promise<Json>;
  /** Throws invalid_argument with what the server said. */
  post(path: string, body: object): Promise<Json>;
}

/** Looks at the options --url and --key. Throws UsageError for a URL that is none. */
export function adminOf(invocation: Invocation): AdminClient {
  const { values } = configOf(invocation);
  const url = (invocation.options.url ?? listenerUrl(values['admin.host'], values['admin.port'])).replace(
    /\/$/,
    '',
  );
  if (!URL.canParse(url)) throw new UsageError(`--url expects a URL, got "${url}".`);
  const { key } = invocation.options;
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const call = async (path: string, init: RequestInit): Promise<Json> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`${url}${path}`, { ...init, signal }).catch((error: unknown) => {
      const isLate = error instanceof Error && error.name === 'TimeoutError';
      const message = isLate
        ? `${url} did not answer within ${timeoutMs / 1000} s; it may still be at it.`
        : `No admin listener answers at ${url} (${reasonOf(error)}). Start the server, or give --url.`;
      throw new MillraceError('invalid_argument', { message });
    });
    const body = (await response.json().catch(() => ({}))) as Json & { error?: { message?: string } };
    if (response.ok) return body;
    const message = body.error?.message ?? `The server answered ${response.status}.`;
    throw new MillraceError('invalid_argument', { message });
  };
  return {
    get: (path) => call(path, { headers: authorization }),
    post: (path, body) =>
      call(path, {
        method: 'POST',
        headers: { ...authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : null;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return messageOf(error);
}
