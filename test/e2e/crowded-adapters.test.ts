/** The real program with fewer places for adapters than there are adapters in use. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type LearningServer, serveLearning } from './learning-server.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-crowded-'));
const state = join(root, 'state');
const numAdapters = 6;
let server: LearningServer;
const ids: string[] = [];

before(async () => {
  const model = new TinyModel(root, 8_192);
  const base = await model.import();
  const { adapters } = learningLayout(state);
  for (let seed = 1; seed <= numAdapters; seed++) ids.push(await model.publishAdapter(adapters, base, seed));
  const folders = ['--models-dir', model.modelsDir, '--learning-dir', state];
  // Their rank is 4: two have a place.
  const size = ['--engine-max-context', '8192', '--engine-threads', '1', '--engine-max-adapter-rows', '8'];
  server = await serveLearning(['--model', modelName, '--models-embeddings=', ...folders, ...size]);
});
after(async () => {
  await server?.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

function post(version: string, maxTokens: number): Promise<Response> {
  return fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model: modelName, prompt: 'hello', temperature: 0, ignore_eos: true },
      ...{ max_tokens: maxTokens, millrace: { version } },
    }),
    signal: AbortSignal.timeout(120_000),
  });
}

async function ask(version: string, maxTokens: number): Promise<string> {
  const response = await post(version, maxTokens);
  const body = await response.text();
  assert.equal(response.status, 200, body);
  const { choices, system_fingerprint: fingerprint } = JSON.parse(body);
  assert.ok(fingerprint.endsWith(`+${version}`), fingerprint);
  return choices[0].text;
}

test('requests for three times as many adapters as have a place are all answered, each by its own', async () => {
  const alone = new Map<string, string>();
  for (const id of ids) alone.set(id, await ask(id, 24));
  assert.ok(new Set(alone.values()).size > 1, 'adapters can be told apart');
  const client = async (id: string) => {
    for (let n = 0; n < 8; n++) assert.equal(await ask(id, 24), alone.get(id));
  };
  // Two clients of each, so that an adapter is seldom unused by itself.
  await Promise.all([...ids, ...ids].map(client));
});

test('while long answers have all places a request waits, and is told so if none comes free in time', async () => {
  const long = ids.slice(0, 2).map((id) => ask(id, 7_900));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const startMs = performance.now();
  const response = await post(ids[2]!, 8);
  const tookMs = performance.now() - startMs;
  // How long the answers take is the machine's.
  if (response.status !== 200) {
    const { error } = (await response.json()) as { error: { code: string } };
    assert.deepEqual([response.status, error.code], [503, 'adapters_busy']);
    assert.equal(response.headers.get('retry-after'), '1');
    assert.ok(tookMs >= 9_900, `${tookMs} ms`);
    assert.match(await metrics(), /millrace_shed_total\{[^}]*reason="adapters_busy"[^}]*\} 1/);
  }
  await Promise.all(long);
  assert.ok((await ask(ids[2]!, 8)).length > 0, 'there is a place by then');
});

const metrics = async (): Promise<string> => (await fetch(`${server.adminUrl}/metrics`)).text();
