/** What arrives as HTTP, or nearly: every case on a raw socket, and the server unhurt afterwards. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Gateway, modelId, startGateway, stillServes } from './gateway.ts';

const good = JSON.stringify({ model: modelId, prompt: 'hello', max_tokens: 2 });

interface Case {
  readonly name: string;
  /** Sent one after the other, a millisecond apart. */
  readonly send: readonly (string | Buffer)[];
  /** The status, or 'closed' where no answer is due. */
  readonly status: number | 'closed' | readonly (number | 'closed')[];
}

const head = (lines: readonly string[], path = '/v1/completions'): string =>
  `${[`POST ${path} HTTP/1.1`, 'host: localhost', ...lines].join('\r\n')}\r\n\r\n`;
const json = 'content-type: application/json';
const withBody = (body: string | Buffer, ...lines: string[]): (string | Buffer)[] => [
  head([json, `content-length: ${Buffer.byteLength(body)}`, ...lines]),
  body,
];
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
const invalidUtf8 = Buffer.concat([
  Buffer.from(`{"model":"${modelId}","prompt":"`),
  Buffer.from([0xff, 0xfe, 0xc0]),
  Buffer.from('"}'),
]);

const cases: readonly Case[] = [
  { name: 'a good request', send: withBody(good), status: 200 },
  { name: 'a good request in single bytes', send: withBody(good).join('').split(''), status: 200 },
  {
    name: 'a good request in chunks',
    send: [head([json, 'transfer-encoding: chunked']), chunk(good), '0\r\n\r\n'],
    status: 200,
  },
  { name: 'invalid UTF-8', send: withBody(invalidUtf8), status: 400 },
  { name: 'NUL in a text', send: withBody(good.replace('hello', '\\u0000')), status: 200 },
  { name: 'a lone surrogate', send: withBody(good.replace('hello', '\\ud800')), status: 200 },
  {
    name: 'a body over the limit by its length',
    send: [head([json, 'content-length: 99999999'])],
    status: 413,
  },
  {
    name: 'a body over the limit in chunks',
    send: [
      head([json, 'transfer-encoding: chunked']),
      ...Array.from({ length: 80 }, () => chunk('x'.repeat(65_536))),
    ],
    status: [413, 'closed'],
  },
  {
    name: '300,000 tiny chunks',
    send: [head([json, 'transfer-encoding: chunked']), chunk(' ').repeat(300_000), chunk(good), '0\r\n\r\n'],
    status: 200,
  },
  { name: 'a negative length', send: [head([json, 'content-length: -1']), good], status: 400 },
  { name: 'two lengths', send: [head([json, 'content-length: 5', 'content-length: 6']), good], status: 400 },
  {
    name: 'a length and chunks',
    send: [head([json, 'content-length: 5', 'transfer-encoding: chunked']), chunk(good), '0\r\n\r\n'],
    status: 400,
  },
  {
    name: 'a length that promises more than comes',
    send: [head([json, 'content-length: 500']), good],
    status: [408, 400, 'closed'],
  },
  {
    name: 'a compressed body',
    send: withBody(gzipSync(Buffer.alloc(1e6)), 'content-encoding: gzip'),
    status: [400, 415],
  },
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json\ta',
    'application/json garbage',
    'multipart/form-data; boundary=x',
    'application/jsonx',
  ].map((type) => ({
    name: `content type ${JSON.stringify(type)}`,
    send: [head([`content-type: ${type}`, `content-length: ${good.length}`]), good],
    status: 415,
  })),
  { name: 'no content type', send: [head([`content-length: ${good.length}`]), good], status: 415 },
  { name: 'a huge header', send: [head([`x: ${'a'.repeat(100_000)}`])], status: 431 },
  {
    name: '5,000 headers',
    send: [head(Array.from({ length: 5000 }, (_, index) => `x-${index}: 1`))],
    status: 431,
  },
  {
    name: 'a header that never ends',
    send: ['POST /v1/completions HTTP/1.1\r\nhost: a\r\nx: '],
    status: [408, 'closed'],
  },
  { name: 'no HTTP', send: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'], status: 400 },
  { name: 'a line of nothing', send: ['\r\n\r\n\r\n'], status: ['closed', 400, 408] },
  ...[
    '//v1/completions',
    '/%761/completions',
    '/v1/../admin/models',
    '/v1/completions/',
    '/V1/completions',
    '/v1/completions%00',
    '/admin/models',
    '/v1/completions;x=1',
  ].map((path) => ({
    name: `the path ${path}`,
    send: [head([json, `content-length: ${good.length}`], path), good],
    status: [404, 400, 200] as const,
  })),
  {
    name: 'a host header with a path',
    send: withBody(good, 'host: localhost/v1/models?'),
    status: [200, 400],
  },
  {
    name: 'a method that the path has not',
    send: ['DELETE /v1/completions HTTP/1.1\r\nhost: a\r\n\r\n'],
    status: 404,
  },
  {
    name: 'an upgrade',
    send: [head([json, 'connection: upgrade', 'upgrade: websocket', `content-length: ${good.length}`]), good],
    status: [200, 400, 426],
  },
  {
    name: 'expect: 100-continue with a body too large',
    send: [head([json, 'expect: 100-continue', 'content-length: 99999999'])],
    status: [413, 417],
  },
];

/** The status of the final answer, or 'closed' when the server ended the connection without one. */
function exchange(
  port: number,
  send: readonly (string | Buffer)[],
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
        if (send.length < 1000) await new Promise((next) => setImmediate(next));
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

  for (const { name, send, status } of cases) {
    test(name, async () => {
      const expected = Array.isArray(status) ? status : [status];
      const got = await exchange(gateway.port, send, 12_000);
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
