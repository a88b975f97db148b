import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settings } from './declaration.ts';
import { openListeners } from './open-listeners.ts';

const defaults = {
  'server.host': settings['server.host'].default,
  'admin.host': settings['admin.host'].default,
  'auth.keys': settings['auth.keys'].default,
};
const key = { name: 'a', tenant: 'a', sha256: '0'.repeat(64), scopes: ['inference' as const] };
const keys = [{ ...key, requestsPerMinute: 0, tokensPerMinute: 0, maxConcurrent: 0 }];

test('by default no other machine can come, and nothing is said', () => {
  assert.deepEqual([defaults['server.host'], defaults['admin.host']], ['127.0.0.1', '127.0.0.1']);
  assert.deepEqual(openListeners(defaults), []);
});

for (const host of ['0.0.0.0', '::', '192.0.2.1', '2001:db8::1', 'a.example', '']) {
  test(`a listener on ${JSON.stringify(host)} is told of, unless keys are asked for`, () => {
    assert.match(openListeners({ ...defaults, 'server.host': host })[0]!, /The API listens on .* no key/);
    assert.match(openListeners({ ...defaults, 'admin.host': host })[0]!, /The admin listener listens on/);
    assert.equal(openListeners({ ...defaults, 'server.host': host, 'admin.host': host }).length, 2);
    assert.deepEqual(openListeners({ ...defaults, 'server.host': host, 'auth.keys': keys }), []);
  });
}

for (const host of ['127.0.0.1', '127.8.9.10', 'localhost', '::1']) {
  test(`one on ${host} is for this machine alone`, () =>
    assert.deepEqual(openListeners({ ...defaults, 'server.host': host, 'admin.host': host }), []));
}
