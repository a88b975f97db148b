import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { listenerUrl } from './listener-url.ts';

const urls: Readonly<Record<string, string>> = {
  '127.0.0.1': 'http://127.0.0.1:8081',
  'a.example': 'http://a.example:8081',
  localhost: 'http://localhost:8081',
  '0.0.0.0': 'http://127.0.0.1:8081',
  '0': 'http://127.0.0.1:8081',
  '::': 'http://[::1]:8081',
  '0:0:0:0:0:0:0:0': 'http://[::1]:8081',
  '::1': 'http://[::1]:8081',
  '2001:db8::7': 'http://[2001:db8::7]:8081',
  '::ffff:10.0.0.1': 'http://[::ffff:a00:1]:8081',
};
for (const [host, url] of Object.entries(urls)) {
  test(`a listener on ${host} is reached at ${url}`, () => assert.equal(listenerUrl(host, 8081), url));
}

for (const host of ['::', '0.0.0.0', '::1']) {
  test(`what listens on ${host} answers there`, async (context) => {
    const server = createServer((_request, response) => response.end('here'));
    const bound = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(0, host, () => resolve(true));
    });
    if (!bound) return context.skip(`this machine has no ${host}`);
    try {
      const url = listenerUrl(host, (server.address() as AddressInfo).port);
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      assert.equal(await answer.text(), 'here');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}
