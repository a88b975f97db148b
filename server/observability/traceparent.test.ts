import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test('the specification’s own example is read, and written again', () => {
  const header = `00-${traceId}-${spanId}-01`;
  const ids = parseTraceparent(header);
  assert.deepEqual(ids, { traceId, spanId, isSampled: true });
  assert.equal(formatTraceparent(ids!), header);
});

test('only the lowest flag says whether a trace is sampled', () => {
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-00`)!.isSampled, false);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-fe`)!.isSampled, false);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-ff`)!.isSampled, true);
});

test('a later version may say more', () => {
  assert.equal(parseTraceparent(`cc-${traceId}-${spanId}-01-what-comes`)!.traceId, traceId);
});

test('what is none begins a trace of its own', () => {
  const zeros = (length: number): string => '0'.repeat(length);
  const wrong = [
    undefined,
    '',
    'x',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${zeros(32)}-${spanId}-01`,
    `00-${traceId}-${zeros(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
  ];
  for (const header of wrong) assert.equal(parseTraceparent(header), null, header);
});
