/** The real program with a collector, without one, and with one that is away. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startOtlpReceiver } from '../api/otlp-receiver.ts';
import { type Served, serve as serveProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-telemetry-'));
after(() => rmSync(folder, { recursive: true }));
const settings = ['--model', 'null', '--port', '0', '--admin-port', '0', '--models-embeddings='];

const serve = (...more: string[]): Promise<Served> =>
  serveProgram([...settings, ...more], { cwd: folder, startMs: 30_000 });

async function ask({ url }: Served, prompt = 'hello'): Promise<void> {
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'null', prompt, max_tokens: 4 }),
    signal: AbortSignal.timeout(10_000),
  });
  assert.equal(answer.status, 200);
  await answer.text();
}

test('what was traced is sent before the program ends, and the log names the traces', async () => {
  const receiver = await startOtlpReceiver();
  const served = await serve('--telemetry-otlp-endpoint', receiver.url);
  for (let request = 0; request < 3; request++) await ask(served, 'a text of a client');
  served.child.kill('SIGTERM');
  assert.equal(await served.exit, 0);
  await receiver.close();
  const roots = receiver.spans.filter(({ name }) => name === 'POST /v1/completions');
  assert.equal(roots.length, 3);
  for (const { traceId } of roots) assert.ok(served.said().includes(`"trace_id":"${traceId}"`));
  assert.equal(receiver.spans.filter(({ name }) => name === 'text_completion null').length, 3);
  assert.ok(!receiver.bodies.join().includes('a text of a client'));
});

test('a collector that is away neither fails requests nor keeps the program from ending', async () => {
  const away = await startOtlpReceiver();
  await away.close();
  const both = ['--telemetry-otlp-endpoint', away.url, '--telemetry-otlp-metrics-endpoint', away.url];
  const served = await serve(...both);
  for (let request = 0; request < 3; request++) await ask(served);
  const startMs = performance.now();
  served.child.kill('SIGTERM');
  assert.equal(await served.exit, 0);
  assert.ok(performance.now() - startMs < 5_000);
});

test('an endpoint that is no URL is a problem of the configuration', async () => {
  await assert.rejects(serve('--telemetry-otlp-endpoint', 'collector:4318'), /expected a URL like http/);
});
