import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OpenRequests } from './open-requests.ts';

/** Notes whether a promise has resolved. */
function watched(promise: Promise<void>): { isDone: boolean } {
  const state = { isDone: false };
  void promise.then(() => {
    state.isDone = true;
  });
  return state;
}

test('a wait is for the requests that were open when it began, and for no later one', async () => {
  const requests = new OpenRequests();
  const [first, second, later] = [new EventEmitter(), new EventEmitter(), new EventEmitter()];
  requests.enter(first);
  requests.enter(second);
  const wait = watched(requests.ended());
  requests.enter(later);
  const laterWait = watched(requests.ended());
  first.emit('close');
  await nextTurn();
  assert.equal(wait.isDone, false);
  later.emit('close');
  await nextTurn();
  assert.equal(laterWait.isDone, false, 'a later wait is for the earlier requests too');
  second.emit('close');
  await nextTurn();
  assert.deepEqual([wait.isDone, laterWait.isDone], [true, true]);
});

test('a wait for none is also for those that come meanwhile', async () => {
  const requests = new OpenRequests();
  const [first, later] = [new EventEmitter(), new EventEmitter()];
  requests.enter(first);
  const wait = watched(requests.none());
  requests.enter(later);
  first.emit('close');
  await nextTurn();
  assert.equal(wait.isDone, false);
  later.emit('close');
  await nextTurn();
  assert.equal(wait.isDone, true);
});

test('with nothing open there is nothing to wait for', async () => {
  await new OpenRequests().ended();
});

test('answers on a connection that is kept open, and connections that break, end their requests', async () => {
  const responses: ServerResponse[] = [];
  const server = createServer((_, response) => void responses.push(response));
  const requests = new OpenRequests();
  requests.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = (path: string) => get({ port, path, host: '127.0.0.1', headers: { connection: 'keep-alive' } });
  const [answered, broken] = [ask('/answered'), ask('/broken')];
  broken.on('error', () => {});
  while (responses.length < 2) await nextTurn();
  const wait = watched(requests.ended());
  await nextTurn();
  assert.equal(wait.isDone, false);
  broken.destroy();
  const left = responses.find((response) => response.req.url === '/answered')!;
  left.end('ok');
  const [response] = (await once(answered, 'response')) as [IncomingMessage];
  response.resume();
  for (let turns = 0; turns < 1_000 && !wait.isDone; turns++) await nextTurn();
  assert.equal(wait.isDone, true);
  server.closeAllConnections();
  server.close();
});
