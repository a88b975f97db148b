import { isIPv6 } from 'node:net';

/** Where a listener of this machine is reached, without a path: one on all addresses is reached over the loopback one. */
export function listenerUrl(host: string, port: number): string {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(url)) return url;
  // As a URL has it, "0" and "0:0:0:0:0:0:0:0" are spelled like all others.
  const { hostname } = new URL(url);
  return `http://${reachable[hostname] ?? hostname}:${port}`;
}

const reachable: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' };
