import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fixturePath } from '../root.ts';
import { programEnv as env, program, type Served, serve as serveProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'));
const settings = [
  '--models-dir',
  folder,
  '--model',
  'tiny',
  '--port',
  '0',
  '--admin-port',
  '0',
  '--engine-max-context',
  '128',
  '--models-embeddings=',
];

const serve = (...more: string[]): Promise<Served> =>
  serveProgram([...settings, ...more], { cwd: folder, startMs: 60_000 });

const post = (url: string, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });

function importTiny(checkpoint: string, name: string): void {
  const options = ['--name', name, '--models-dir', folder, '--quantization', 'fp32'];
  const { status, stderr } = spawnSync(process.execPath, [program, 'import', checkpoint, ...options], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
}

before(() => importTiny(fixturePath('decoders/llama3'), 'tiny'));
after(() => rmSync(folder, { recursive: true }));

test('an imported checkpoint is served, ready, listed under its version, and ends with 0 on SIGTERM', async () => {
  const { child, url, adminUrl, exit } = await serve();
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  const answer = await post(`${url}/v1/completions`, {
    model: 'tiny',
    prompt: [3, 4, 5],
    max_tokens: 4,
    temperature: 0,
  });
  assert.equal(answer.status, 200);
  const body = (await answer.json()) as { system_fingerprint: string; usage: { prompt_tokens: number } };
  assert.equal(body.usage.prompt_tokens, 3);
  const models = (await (await fetch(`${adminUrl}/admin/models`)).json()) as {
    data: { id: string; version: string }[];
  };
  assert.deepEqual(
    models.data.map(({ id, version }) => [id, version]),
    [['tiny', body.system_fingerprint]],
  );
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
});

test('a running stream is finished before the server ends', async () => {
  const { child, url, exit } = await serve();
  const response = await post(`${url}/v1/completions`, {
    model: 'tiny',
    prompt: [3, 4],
    max_tokens: 100,
    stream: true,
    ignore_eos: true,
  });
  assert.equal(response.status, 200);
  child.kill('SIGTERM');
  const text = await response.text();
  assert.match(text, /data: \[DONE\]\n\n$/);
  assert.equal(await exit, 0);
});

test('an encoder is served beside the generator, and each model answers for what it is only', async () => {
  const checkpoint = fixturePath('encoders/mean');
  importTiny(checkpoint, 'encoder');
  const golden = JSON.parse(readFileSync(join(checkpoint, 'golden.json'), 'utf8')) as {
    text: string;
    ids: number[];
    vector: number[];
  }[];
  const { child, url, exit } = await serve('--models-embeddings', 'encoder');
  const texts = golden.map(({ text }) => text);
  const answer = await post(`${url}/v1/embeddings`, { model: 'encoder', input: texts });
  const { data, usage } = (await answer.json()) as {
    data: { embedding: number[] }[];
    usage: { prompt_tokens: number };
  };
  assert.equal(usage.prompt_tokens, golden.flatMap(({ ids }) => ids).length);
  golden.forEach(({ vector }, index) => {
    for (const [at, value] of vector.entries()) {
      assert.ok(Math.abs(data[index]!.embedding[at]! - value) < 1e-5);
    }
  });
  const packed = await post(`${url}/v1/embeddings`, {
    model: 'encoder',
    input: golden[0]!.ids,
    encoding_format: 'base64',
  });
  const [first] = ((await packed.json()) as { data: { embedding: string }[] }).data;
  const bytes = Buffer.from(first!.embedding, 'base64');
  assert.ok(Math.abs(bytes.readFloatLE(4) - golden[0]!.vector[1]!) < 1e-5);
  assert.equal((await post(`${url}/v1/embeddings`, { model: 'tiny', input: 'a' })).status, 404);
  assert.equal((await post(`${url}/v1/completions`, { model: 'encoder', prompt: 'a' })).status, 404);
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
});

test('scores are the log probabilities that an echo of the same text reports', async () => {
  const { child, url, exit } = await serve();
  const prompts = [
    [3, 4, 5, 6],
    [9, 8, 7, 6, 5, 4, 3],
  ];
  const input = prompts.map((tokens) => ({ prompt: tokens.slice(0, 2), completion: tokens.slice(2) }));
  const scored = await post(`${url}/v1/score`, { model: 'tiny', input });
  const echo = { model: 'tiny', prompt: prompts, max_tokens: 0, echo: true, logprobs: 1 };
  const echoed = await post(`${url}/v1/completions`, echo);
  const { data } = (await scored.json()) as {
    data: { logprob: number; is_greedy: boolean; token_logprobs: number[] }[];
  };
  const { choices } = (await echoed.json()) as {
    choices: { logprobs: { token_logprobs: number[]; top_logprobs: (Record<string, number> | null)[] } }[];
  };
  choices.forEach(({ logprobs }, index) => {
    const wanted = logprobs.token_logprobs.slice(2);
    const { logprob, is_greedy, token_logprobs } = data[index]!;
    assert.equal(token_logprobs.length, wanted.length);
    for (const [at, value] of wanted.entries()) assert.ok(Math.abs(token_logprobs[at]! - value) < 1e-3);
    const sum = wanted.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs(logprob - sum) < 1e-3 * wanted.length);
    const best = logprobs.top_logprobs.slice(2).map((top) => Math.max(...Object.values(top!)));
    assert.equal(
      is_greedy,
      wanted.every((value, at) => value === best[at]),
    );
  });
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
});

test('a port in use is told in one sentence with exit code 1, and no engine is left behind', async () => {
  const { child, url, exit } = await serve();
  const port = new URL(url).port;
  const second = spawnSync(process.execPath, [program, 'serve', ...settings, '--port', port], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(second.status, 1);
  assert.match(second.stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\)`));
  assert.doesNotMatch(second.stderr, /\n {4}at /);
  child.kill('SIGTERM');
  await exit;
});

test('a tampered version is refused before the engine sees it', () => {
  cpSync(join(folder, 'tiny'), join(folder, 'forged'), { recursive: true });
  appendFileSync(join(folder, 'forged', 'weights.bin'), 'x');
  const args = ['serve', ...settings, '--model', 'forged'];
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 1);
  assert.match(stderr, /forged is refused: weights\.bin has \d+ bytes, the manifest says \d+/);
});

test('chat starts a server for one talk when none runs', () => {
  const args = ['chat', ...settings, '--server-host', '127.0.0.1', '--message', 'hello', '--max-tokens', '4'];
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  // The fixture has no chat template: the server says so, which shows that the talk reached it.
  assert.equal(status, 1);
  assert.match(stderr, /template|chat/i);
});
