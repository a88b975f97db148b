/**
 * EleutherAI's lm-evaluation-harness, as it is published, against the real program and the default model: what it reads out
 * of our answers must be what /v1/score and plain requests say. Needs a Python with `lm_eval[api]` and `transformers`
 * (python -m venv …; pip install "lm_eval[api]" transformers), named by MILLRACE_TEST_LM_EVAL, and no network.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { environment } from '../../server/config/environment.ts';
import { program, programEnv, type Served, serve } from '../e2e/program.ts';
import { repoRoot } from '../root.ts';
import { realCheckpoint } from './real-model.ts';

const python = environment.MILLRACE_TEST_LM_EVAL ?? '';
const skip =
  python === ''
    ? 'set MILLRACE_TEST_LM_EVAL to a Python that has lm_eval[api] and transformers'
    : !existsSync(realCheckpoint()) && 'the model is not here; "npm run pull" fetches it';
const tasks = join(repoRoot, 'test', 'parity', 'lm-eval');
const folder = mkdtempSync(join(tmpdir(), 'millrace-lm-eval-'));
const tokenizer = join(folder, 'tokenizer');
const runMs = 240_000;

let server: Served;
before(async () => {
  if (skip !== false) return;
  const models = join(folder, 'models');
  const name = ['--name', 'smol', '--models-dir', models, '--quantization', 'fp32'];
  const made = spawnSync(process.execPath, [program, 'import', realCheckpoint(), ...name], {
    env: programEnv,
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
  copyTokenizer(join(models, 'smol'));
  const flags = [
    '--models-dir',
    models,
    '--model',
    'smol',
    '--models-embeddings',
    '',
    '--learning-mode',
    'off',
  ];
  server = await serve([...flags, '--port', '0', '--admin-port', '0'], { cwd: folder, startMs: 120_000 });
});
after(async () => {
  server?.child.kill('SIGTERM');
  await server?.exit;
  rmSync(folder, { recursive: true });
});

/** As transformers wants it: with the name of the class that reads it. */
function copyTokenizer(version: string): void {
  mkdirSync(tokenizer);
  cpSync(join(version, 'tokenizer.json'), join(tokenizer, 'tokenizer.json'));
  const config = JSON.parse(readFileSync(join(version, 'tokenizer_config.json'), 'utf8'));
  const named = { ...config, tokenizer_class: 'PreTrainedTokenizerFast' };
  writeFileSync(join(tokenizer, 'tokenizer_config.json'), JSON.stringify(named));
}

interface Json {
  // What the harness has written, and answers of the server under test; what is read is asserted.
  // biome-ignore lint/suspicious/noExplicitAny: shapes are what the test is about
  readonly [field: string]: any;
}

/** Runs the harness; resolves with what it has logged of each task. */
async function evaluate(model: string, options: readonly string[], names: readonly string[]) {
  const out = join(folder, `out-${model}`);
  const args = ['-m', 'lm_eval', 'run', '--model', model, ...options, '--tasks', names.join()];
  const offline = { HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: join(folder, 'cache') };
  const child = spawn(
    python,
    [...args, '--include_path', tasks, '--output_path', out, '--log_samples', '--seed', '7'],
    { cwd: tasks, env: { ...programEnv, ...offline, HOME: folder, PYTHONDONTWRITEBYTECODE: '1' } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += String(bytes)));
  const timer = setTimeout(() => child.kill('SIGKILL'), runMs);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  assert.equal(code, 0, said.slice(-4_000));
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    names.map((name) => {
      const file = files.find((each) => each.includes(`samples_${name}_`));
      const lines = readFileSync(join(out, file!), 'utf8').trim().split('\n');
      return [name, lines.map((line) => JSON.parse(line) as Json)];
    }),
  );
}

async function call(path: string, body: object): Promise<Json> {
  const response = await fetch(`${server.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smol', ...body }),
    signal: AbortSignal.timeout(60_000),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Json;
}

const completions = (more: string): string[] => [
  '--model_args',
  `model=smol,base_url=${server.url}/v1/completions,tokenizer=${tokenizer},max_retries=1,${more}`,
];

test('likelihoods of choices and continuations that the harness gets are ours', { skip }, async () => {
  const names = ['millrace_choice', 'millrace_continue'];
  const { millrace_choice: choices, millrace_continue: continued } = await evaluate(
    'local-completions',
    completions('num_concurrent=4'),
    names,
  );
  assert.deepEqual([choices!.length, continued!.length], [6, 4]);
  let numRight = 0;
  for (const { doc, filtered_resps: told, acc } of choices!) {
    const input = doc.choices.map((choice: string) => ({ prompt: doc.question, completion: ` ${choice}` }));
    const { data } = await call('score', { input });
    numRight += acc;
    for (const [index, { logprob, is_greedy }] of data.entries()) {
      const [value, isGreedy] = told[index];
      assert.ok(Math.abs(Number(value) - logprob) < 1e-3, `${value} for ${logprob}: ${doc.choices[index]}`);
      assert.equal(String(isGreedy), is_greedy ? 'True' : 'False');
    }
  }
  assert.ok(numRight >= 4, `${numRight} of 6 right`);
  for (const { doc, filtered_resps: told } of continued!) {
    const body = { prompt: doc.prompt, max_tokens: 24, temperature: 0, stop: ['\n'] };
    const { choices: said } = await call('completions', body);
    assert.deepEqual(told, [said[0].text]);
  }
});

test('so are they when they are asked for as texts, several in a request', { skip }, async () => {
  const asTexts = completions('tokenized_requests=False');
  const { millrace_choice: choices } = await evaluate(
    'local-completions',
    [...asTexts, '--batch_size', '4'],
    ['millrace_choice'],
  );
  for (const { doc, filtered_resps: told } of choices!) {
    const input = doc.choices.map((choice: string) => ({ prompt: doc.question, completion: ` ${choice}` }));
    const { data } = await call('score', { input });
    for (const [index, { logprob }] of data.entries())
      assert.ok(Math.abs(Number(told[index][0]) - logprob) < 1e-3, `${told[index][0]} for ${logprob}`);
  }
});

test('chat answers that the harness gets are ours', { skip }, async () => {
  const options = [
    '--model_args',
    `model=smol,base_url=${server.url}/v1/chat/completions,max_retries=1`,
    '--apply_chat_template',
  ];
  const { millrace_continue: continued } = await evaluate('local-chat-completions', options, [
    'millrace_continue',
  ]);
  assert.equal(continued!.length, 4);
  for (const { doc, filtered_resps: told } of continued!) {
    const messages = [{ role: 'user', content: doc.prompt }];
    const body = { messages, max_tokens: 24, temperature: 0, stop: ['\n'] };
    const { choices: said } = await call('chat/completions', body);
    assert.deepEqual(told, [said[0].message.content]);
  }
});
