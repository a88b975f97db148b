/** What arrives as HTTP, or nearly: every case on a raw socket, and the server unhurt afterwards. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Gateway, startGateway, stillServes } from './gateway.ts';
import { type TransportAttack, transportAttacks } from './transport-attacks.ts';

/** The status of the final answer, or 'closed' when the server ended the connection without one. */
function exchange(
  port: number,
  { send, pauseMs }: TransportAttack,
  limitMs: number,
): Promise<number | 'closed'> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
    let received = '';
    const done = (status: number | 'closed'): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(status);
    };
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const last = [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)]
        .map((match) => Number(match[1]))
        .find((status) => status !== 100);
      if (last !== undefined) done(last);
    });
    socket.on('close', () => done('closed'));
    socket.on('error', () => done('closed'));
    socket.on('connect', async () => {
      for (const part of send) {
        if (socket.destroyed) return;
        socket.write(part);
        if (pauseMs !== undefined) await new Promise((next) => setTimeout(next, pauseMs));
        else if (send.length < 1000) await new Promise((next) => setImmediate(next));
      }
    });
  });
}

describe('transport', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway({ limits: { receiveMs: 1_000 } });
  });
  after(() => gateway.close());

  for (const attack of transportAttacks) {
    const { name, status, attack: row } = attack;
    test(row === null ? name : `${row} ${name}`, async () => {
      const expected = Array.isArray(status) ? status : [status];
      const got = await exchange(gateway.port, attack, 12_000);
      assert.ok(expected.includes(got), `${got}, expected ${expected.join(' or ')}`);
      await stillServes(gateway);
    });
  }

  test('1,000 idle sockets: more than allowed are closed, and requests are served once they are gone', async () => {
    const sockets = Array.from({ length: 1000 }, () =>
      connect(gateway.port, '127.0.0.1').on('error', () => {}),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await stillServes(gateway);
  });
});
