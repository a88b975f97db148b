import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Exporter, type OnResult, WatchedExporter } from './watched-exporter.ts';

test('what cannot be sent is told once a minute, with all that was lost', () => {
  let [nowMs, isAway] = [0, true];
  const inner: Exporter<number> = {
    export: (_numSpans: number, onResult: OnResult) =>
      onResult(isAway ? { code: 1, error: new Error('refused') } : { code: 0 }),
    shutdown: async () => {},
  };
  const warnings: string[] = [];
  const exporter = new WatchedExporter(inner, {
    to: 'collector:4318/v1/traces',
    signal: 'traces',
    unit: 'spans',
    size: (numSpans: number) => numSpans,
    nowMs: () => nowMs,
    warn: (message) => void warnings.push(message),
  });
  const codes: number[] = [];
  const send = (numSpans: number): void => exporter.export(numSpans, ({ code }) => void codes.push(code));
  for (nowMs = 0; nowMs < 60_000; nowMs += 1_000) send(2);
  assert.deepEqual(warnings, ['traces: 2 spans could not be sent to collector:4318/v1/traces: refused']);
  send(2);
  assert.match(warnings[1]!, /^traces: 122 spans/);
  isAway = false;
  nowMs = 999_000;
  send(2);
  assert.equal(warnings.length, 2);
  assert.deepEqual([codes.length, codes.at(-1)], [62, 0], 'the processor hears of each batch');
});
