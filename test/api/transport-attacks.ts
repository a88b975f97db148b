/** What arrives as HTTP, or nearly, byte by byte. */
import { gzipSync } from 'node:zlib';
import type { AttackId } from './attack-table.ts';
import { modelId } from './gateway.ts';

const good = JSON.stringify({ model: modelId, prompt: 'hello', max_tokens: 2 });

export interface TransportAttack {
  readonly name: string;
  /** Row of the table of attacks; null for what is only odd. */
  readonly attack: AttackId | null;
  /** Sent one after the other, `pauseMs` apart. */
  readonly send: readonly (string | Buffer)[];
  /** Without it, as soon as the event loop comes round. */
  readonly pauseMs?: number;
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

export const transportAttacks: readonly TransportAttack[] = [
  { name: 'a good request', attack: null, send: withBody(good), status: 200 },
  {
    name: 'a good request in single bytes',
    attack: 'T20',
    send: withBody(good).join('').split(''),
    status: 200,
  },
  {
    name: 'a good request in chunks',
    attack: null,
    send: [head([json, 'transfer-encoding: chunked']), chunk(good), '0\r\n\r\n'],
    status: 200,
  },
  { name: 'invalid UTF-8', attack: 'T18', send: withBody(invalidUtf8), status: 400 },
  { name: 'NUL in a text', attack: 'T18', send: withBody(good.replace('hello', '\\u0000')), status: 200 },
  { name: 'a lone surrogate', attack: 'T18', send: withBody(good.replace('hello', '\\ud800')), status: 200 },
  {
    name: 'a body over the limit by its length',
    attack: 'T19',
    send: [head([json, 'content-length: 99999999'])],
    status: 413,
  },
  {
    name: 'a body over the limit in chunks',
    attack: 'T19',
    send: [
      head([json, 'transfer-encoding: chunked']),
      ...Array.from({ length: 80 }, () => chunk('x'.repeat(65_536))),
    ],
    status: [413, 'closed'],
  },
  {
    name: '300,000 tiny chunks',
    attack: 'T20',
    send: [head([json, 'transfer-encoding: chunked']), chunk(' ').repeat(300_000), chunk(good), '0\r\n\r\n'],
    status: 200,
  },
  { name: 'a negative length', attack: 'T19', send: [head([json, 'content-length: -1']), good], status: 400 },
  {
    name: 'two lengths',
    attack: 'T19',
    send: [head([json, 'content-length: 5', 'content-length: 6']), good],
    status: 400,
  },
  {
    name: 'a length and chunks',
    attack: 'T19',
    send: [head([json, 'content-length: 5', 'transfer-encoding: chunked']), chunk(good), '0\r\n\r\n'],
    status: 400,
  },
  {
    name: 'a length that promises more than comes',
    attack: 'T21',
    send: [head([json, 'content-length: 500']), good],
    status: [408, 400, 'closed'],
  },
  {
    name: 'a compressed body',
    attack: 'T19',
    send: withBody(gzipSync(Buffer.alloc(2e7)), 'content-encoding: gzip'),
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
    attack: 'T22' as const,
    send: [head([`content-type: ${type}`, `content-length: ${good.length}`]), good],
    status: 415,
  })),
  {
    name: 'no content type',
    attack: 'T22',
    send: [head([`content-length: ${good.length}`]), good],
    status: 415,
  },
  { name: 'a huge header', attack: 'T21', send: [head([`x: ${'a'.repeat(100_000)}`])], status: 431 },
  {
    name: '5,000 headers',
    attack: 'T21',
    send: [head(Array.from({ length: 5000 }, (_, index) => `x-${index}: 1`))],
    status: 431,
  },
  {
    name: '1,000 small headers',
    attack: 'T21',
    send: withBody(good, ...Array.from({ length: 1000 }, (_, index) => `x-${index}: 1`)),
    status: [200, 431],
  },
  {
    name: 'a header that drips in',
    attack: 'T21',
    send: [
      'POST /v1/completions HTTP/1.1\r\nhost: a\r\n',
      ...Array.from({ length: 100 }, (_, index) => `x-${index}: 1\r\n`),
    ],
    pauseMs: 100,
    status: [408, 'closed'],
  },
  {
    name: 'a body that drips in',
    attack: 'T21',
    send: [head([json, 'content-length: 10000']), ...Array.from({ length: 100 }, () => ' ')],
    pauseMs: 100,
    status: [408, 'closed'],
  },
  {
    name: 'a header that never ends',
    attack: 'T21',
    send: ['POST /v1/completions HTTP/1.1\r\nhost: a\r\nx: '],
    status: [408, 'closed'],
  },
  { name: 'no HTTP', attack: null, send: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'], status: 400 },
  { name: 'a line of nothing', attack: null, send: ['\r\n\r\n\r\n'], status: ['closed', 400, 408] },
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
    attack: 'T23' as const,
    send: [head([json, `content-length: ${good.length}`], path), good],
    status: [404, 400, 200] as const,
  })),
  {
    name: 'a host header with a path',
    attack: 'T23',
    send: withBody(good, 'host: localhost/v1/models?'),
    status: [200, 400],
  },
  {
    name: 'a method that the path has not',
    attack: null,
    send: ['DELETE /v1/completions HTTP/1.1\r\nhost: a\r\n\r\n'],
    status: 404,
  },
  {
    name: 'an upgrade',
    attack: null,
    send: [head([json, 'connection: upgrade', 'upgrade: websocket', `content-length: ${good.length}`]), good],
    status: [200, 400, 426],
  },
  {
    name: 'expect: 100-continue with a body too large',
    attack: 'T19',
    send: [head([json, 'expect: 100-continue', 'content-length: 99999999'])],
    status: [413, 417],
  },
];
