/** The server that a command talks to: a named one, the configured one when it runs, or one started for the occasion. */
import type { Invocation } from './command.ts';
import { listenerUrl } from './listener-url.ts';
import { configOf } from './settings.ts';

const readyMs = 1_000;

export interface UsedServer {
  /** Without a path: "http://127.0.0.1:8080". */
  readonly url: string;
  readonly model: string;
  readonly apiKey: string | null;
  /** Ends a server that was started for the occasion; leaves others alone. */
  close(): Promise<void>;
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(readyMs) }).catch(
    () => null,
  );
  await response?.body?.cancel();
  return response?.ok ?? false;
}

/** Looks at the options --url and --key. Throws what starting a server throws. */
export async function serverOf(invocation: Invocation, model: string | undefined): Promise<UsedServer> {
  const { values } = configOf(invocation);
  const used = {
    model: model ?? values['models.default'],
    apiKey: invocation.options.key ?? null,
    close: async () => {},
  };
  const given = invocation.options.url?.replace(/\/$/, '').replace(/\/v1$/, '');
  if (given !== undefined) return { ...used, url: given };
  const configured = listenerUrl(values['server.host'], values['server.port']);
  if (await answers(configured)) return { ...used, url: configured };
  const { startServer } = await import('../main.ts');
  const own = {
    ...values,
    'models.default': used.model,
    'server.host': '127.0.0.1',
    'server.port': 0,
    'admin.port': 0,
    'auth.keys': [],
    // Of a talk with oneself nothing is kept.
    'learning.mode': 'off' as const,
    'models.embeddings': '',
    'log.level': 'silent' as const,
  };
  const server = await startServer(own, invocation.terminal);
  return { ...used, apiKey: null, url: server.url, close: () => server.close() };
}
