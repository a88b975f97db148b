import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WatchedExporter } from './watched-exporter.ts';

type Inner = ConstructorParameters<typeof WatchedExporter>[0];
type Spans = Parameters<WatchedExporter['export']>[0];

test('what cannot be sent is told once a minute, with all that was lost', () => {
  let [nowMs, isAway] = [0, true];
  const inner = {
    export: (_spans: Spans, onResult: Parameters<Inner['export']>[1]) =>
      onResult(isAway ? { code: 1, error: new Error('refused') } : { code: 0 }),
    shutdown: async () => {},
  };
  const warnings: string[] = [];
  const exporter = new WatchedExporter(inner, {
    to: 'collector:4318/v1/traces',
    nowMs: () => nowMs,
    warn: (message) => void warnings.push(message),
  });
  const codes: number[] = [];
  const send = (numSpans: number): void =>
    exporter.export(Array.from({ length: numSpans }) as Spans, ({ code }) => void codes.push(code));
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
