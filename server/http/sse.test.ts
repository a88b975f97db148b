import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStream } from './sse.ts';

const keepAliveMs = 5;
const maxTurns = 1_000;

/** Takes all that it is given. */
class Sink extends EventEmitter {
  readonly destroyed = false;
  readonly writableEnded = false;
  readonly writableLength = 0;
  numWrites = 0;
  writeHead(): void {}
  flushHeaders(): void {}
  write(): void {
    this.numWrites++;
  }
}

test('a stream whose client has left holds nothing: it is not kept alive any more', async () => {
  const sink = new Sink();
  new EventStream(sink as unknown as ServerResponse, {}, { keepAliveMs, onSlow: () => {} });
  // However busy the machine is.
  for (let turn = 0; turn < maxTurns && sink.numWrites < 2; turn++) await sleep(keepAliveMs);
  assert.ok(sink.numWrites >= 2, 'a silent stream is kept alive');
  sink.emit('close');
  const { numWrites } = sink;
  await sleep(10 * keepAliveMs);
  assert.equal(sink.numWrites, numWrites);
});
