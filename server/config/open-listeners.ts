/** What a configuration opens to other machines without asking for a key. */
import { isIPv4 } from 'node:net';
import type { Config } from './declaration.ts';

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

/** A sentence for each listener that anybody may use; none where keys are asked for, or nobody else can come. */
export function openListeners(config: Pick<Config, 'server.host' | 'admin.host' | 'auth.keys'>): string[] {
  if (config['auth.keys'].length > 0) return [];
  const listeners = [
    ['The API', config['server.host'], 'ask the models and read what was learned'],
    ['The admin listener', config['admin.host'], 'decide what is served'],
  ] as const;
  return listeners
    .filter(([, host]) => !isLoopback(host))
    .map(
      ([name, host, what]) =>
        `${name} listens on ${host} and asks for no key: whoever reaches it may ${what}. Set auth.keys.`,
    );
}
