/**
 * Secrets of all kinds are sent everywhere that something can be sent. Then everything that the program has told, and all
 * that it has written, is searched for them.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startOtlpReceiver } from '../api/otlp-receiver.ts';
import { until } from './learning-server.ts';
import { processTree } from './listening.ts';
import { type Served, serve } from './program.ts';
import { modelName, TinyModel } from './tiny-model.ts';

/** Letters alone, so that no recogniser takes them for anything: what must not be told is not told, whatever it looks like. */
const marker = (name: string): string =>
  `zq${name}${[...randomBytes(8)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('')}`;

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const keys = { ann: `mr-${randomBytes(16).toString('hex')}`, ada: `mr-${randomBytes(16).toString('hex')}` };
/** Never told and never written, in clear. */
const forbidden = {
  'an API key': keys.ann,
  'an operator’s key': keys.ada,
  'a wrong key': `mr-${randomBytes(16).toString('hex')}`,
  'a key in a query': `mr-${randomBytes(16).toString('hex')}`,
  'a key in a cookie': `mr-${randomBytes(16).toString('hex')}`,
  'a broken body': marker('broken'),
  'a field of the wrong type': marker('wrong'),
  'a prompt that is not to be stored': marker('unstored'),
  'a header that nobody knows': marker('header'),
  'a prompt that the engine dies of': marker('crash'),
  'a prompt that is too long': marker('long'),
  'the name of a part of a form': marker('part'),
  'a row of a file that is refused': marker('row'),
  'a feedback that is refused': marker('refused'),
  'a card number': '4556737586899855',
  'a key of a cloud': `AKIA${[...randomBytes(16)].map((byte) => base32[byte % 32]).join('')}`,
  'a password that is assigned': `password = "${randomBytes(12).toString('base64url')}"`,
};
/** Never told; kept where learning keeps it, since that is what it is for. */
const kept = {
  'a prompt': marker('prompt'),
  'a system prompt': marker('system'),
  'a correction': marker('correction'),
  'a comment': marker('comment'),
  'a remembered question': marker('question'),
  'a remembered answer': marker('answer'),
  'a row of a file': marker('training'),
  'the name of a file': marker('filename'),
  'a note about a job': marker('note'),
};
type Named = Readonly<Record<string, string>>;

const root = mkdtempSync(join(tmpdir(), 'millrace-secrets-'));
const state = join(root, 'state');
let told = '';
let answers = '';
let metrics = '';
let traces = '';
let served: Served;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

before(async () => {
  const model = new TinyModel(root);
  await model.import();
  const receiver = await startOtlpReceiver();
  const config = join(root, 'millrace.yaml');
  writeFileSync(
    config,
    `auth: { keys: [{ name: ann, sha256: ${sha256(keys.ann)} }, { name: ada, sha256: ${sha256(keys.ada)}, scopes: [admin] }] }\n`,
  );
  mkdirSync(join(root, 'cwd'));
  const args = [
    ...['--config', config, '--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
    ...[
      '--learning-dir',
      state,
      '--engine-max-context',
      '256',
      '--engine-threads',
      '1',
      '--log-level',
      'trace',
    ],
    ...['--port', '0', '--admin-port', '0', '--telemetry-otlp-endpoint', receiver.url],
    ...['--telemetry-otlp-metrics-endpoint', receiver.url],
  ];
  served = await serve(args, { cwd: join(root, 'cwd'), startMs: 60_000 });
  try {
    await sendAll(served);
    await killEngine(served);
    for (const [url, key] of [
      [served.url, keys.ann],
      [served.adminUrl, keys.ada],
    ] as const) {
      metrics += await (
        await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } })
      ).text();
    }
  } finally {
    served.child.kill('SIGTERM');
    await served.exit;
    await receiver.close();
  }
  told = served.said();
  traces = receiver.bodies.join('\n');
  told += await wrongConfigurations(model.modelsDir);
});
after(() => rmSync(root, { recursive: true, force: true }));

interface Sent {
  readonly body?: string | FormData;
  readonly headers?: Record<string, string>;
  readonly url?: string;
}

/** Remembers what was answered to what must not come back even there. */
async function send(path: string, { body, headers = {}, url = served.url }: Sent): Promise<Response> {
  const answer = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
      authorization: `Bearer ${keys.ann}`,
      ...headers,
    },
    signal: AbortSignal.timeout(20_000),
    ...(body === undefined ? {} : { body }),
  });
  return answer;
}

async function post(
  path: string,
  json: object,
  headers: Record<string, string> = {},
): Promise<{ id?: string }> {
  const answer = await send(path, { body: JSON.stringify(json), headers });
  const text = await answer.text();
  if (answer.status >= 400) answers += text;
  return JSON.parse(text) as { id?: string };
}

async function sendAll({ adminUrl }: Served): Promise<void> {
  const base = { model: modelName, max_tokens: 4, temperature: 0 };
  const secretsIn = ['a card number', 'a key of a cloud', 'a password that is assigned'] as const;
  const withSecrets = (text: string): string =>
    [text, ...secretsIn.map((name) => forbidden[name])].join(' ; ');
  // What is not the caller's to use.
  for (const authorization of [`Bearer ${forbidden['a wrong key']}`, `Basic ${forbidden['a wrong key']}`]) {
    await (await send('/v1/models', { headers: { authorization } })).text();
  }
  await (await send(`/v1/models?api_key=${forbidden['a key in a query']}`, {})).text();
  await (await send(`/nowhere?api_key=${forbidden['a key in a query']}`, {})).text();
  await (await send('/v1/models', { headers: { cookie: `key=${forbidden['a key in a cookie']}` } })).text();
  await (
    await send('/v1/models', { headers: { 'x-secret': forbidden['a header that nobody knows'] } })
  ).text();
  // What is no request.
  for (const body of [
    `{"prompt": "${forbidden['a broken body']}`,
    `{"prompt": ${forbidden['a broken body']}}`,
    `${forbidden['a broken body']}`,
  ]) {
    answers += await (await send('/v1/completions', { body })).text();
  }
  for (const field of [
    'temperature',
    'n',
    'stop_token_ids',
    'stream',
    'logit_bias',
    'tools',
    'response_format',
  ]) {
    await post('/v1/completions', { ...base, prompt: 'a', [field]: forbidden['a field of the wrong type'] });
  }
  await post('/v1/completions', {
    ...base,
    prompt: `${forbidden['a prompt that is too long']} `.repeat(500),
  });
  // What is one.
  const messages = [
    { role: 'system', content: kept['a system prompt'] },
    { role: 'user', content: withSecrets(kept['a prompt']) },
  ];
  const injected = 'x\r\n{"level":60,"msg":"INJECTED"}\u001b[31m';
  const { id } = await post('/v1/chat/completions', { ...base, messages, user: injected });
  const streamed = { ...base, messages, stream: true, user: injected };
  await (await send('/v1/chat/completions', { body: JSON.stringify(streamed) })).text();
  await post('/v1/completions', {
    ...base,
    prompt: forbidden['a prompt that is not to be stored'],
    store: false,
  });
  await post('/v1/completions', { ...base, model: `${injected}/../x`, prompt: 'a' });
  // Feedback on it, whole and refused.
  const idempotency = { 'idempotency-key': forbidden['a password that is assigned'].replace(/[^ -~]/g, '') };
  const correction = { kind: 'correction', response_id: id, text: withSecrets(kept['a correction']) };
  await post('/v1/feedback', correction, idempotency);
  await post('/v1/feedback', { kind: 'comment', response_id: id, text: withSecrets(kept['a comment']) });
  await post('/v1/feedback', {
    kind: 'rating',
    response_id: id,
    text: forbidden['a feedback that is refused'],
  });
  await post('/v1/memory', {
    question: kept['a remembered question'],
    answer: withSecrets(kept['a remembered answer']),
  });
  // Files.
  await upload(withSecrets(kept['a row of a file']), kept['the name of a file']);
  const file = await upload(withSecrets(kept['a row of a file']), 'rows.jsonl');
  await refusedUploads();
  await post('/v1/fine_tuning/jobs', {
    model: modelName,
    training_file: file,
    metadata: { note: withSecrets(kept['a note about a job']) },
  });
  // The operator's side.
  const admin = { url: adminUrl, headers: { authorization: `Bearer ${keys.ada}` } };
  await (await send(`/admin/versions?tenant=${forbidden['a wrong key']}`, admin)).text();
  await (await send('/admin/undo', { ...admin, body: `{"tenant":"${forbidden['a broken body']}` })).text();
}

async function upload(row: string, filename: string): Promise<string> {
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: row },
  ];
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob([`${JSON.stringify({ messages })}\n`]), filename);
  const answer = await send('/v1/files', { body: form });
  return ((await answer.json()) as { id: string }).id;
}

async function refusedUploads(): Promise<void> {
  const strange = new FormData();
  strange.append(forbidden['the name of a part of a form'], 'x');
  await (await send('/v1/files', { body: strange })).text();
  const broken = new FormData();
  broken.append('purpose', 'fine-tune');
  broken.append(
    'file',
    new Blob([`{"messages": "${forbidden['a row of a file that is refused']}"}\n`]),
    'a.jsonl',
  );
  answers += await (await send('/v1/files', { body: broken })).text();
}

/** The process that runs the model is killed while it works on a prompt. */
async function killEngine({ child, said }: Served): Promise<void> {
  const host = processTree(child.pid!)
    .map((pid) => [pid, readFileSync(`/proc/${pid}/cmdline`, 'utf8')] as const)
    .find(([, command]) => command.includes('engine-host'));
  assert.ok(host !== undefined, 'there is an engine host');
  const body = {
    model: modelName,
    prompt: forbidden['a prompt that the engine dies of'],
    max_tokens: 200,
    ignore_eos: true,
  };
  const running = send('/v1/completions', { body: JSON.stringify(body) }).then((answer) => answer.text());
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.kill(host[0], 'SIGKILL');
  answers += await running;
  await until('the end of the host is in the log', 20_000, () => said().includes('engine host ended'));
}

/** What a start says that fails for its configuration. */
async function wrongConfigurations(modelsDir: string): Promise<string> {
  const files = [
    `auth: { keys: [{ name: ann, sha256: ${keys.ann} }] }`,
    `auth: { keys: [{ name: ann, key: ${keys.ann} }] }`,
    `auth: { keys: ${keys.ann} }`,
    `auth: { keys: [{ name: ann, sha256: ${sha256(keys.ann)}, scopes: [${keys.ann}] }] }`,
    `auth: { keys: [{ name: "${keys.ann}: ", sha256: x`,
  ];
  const said = files.map(async (text, index) => {
    const path = join(root, `wrong-${index}.yaml`);
    writeFileSync(path, text);
    const args = ['--config', path, '--models-dir', modelsDir, '--model', 'null', '--models-embeddings='];
    const error = await serve([...args, '--port', '0', '--admin-port', '0'], {
      cwd: join(root, 'cwd'),
      startMs: 20_000,
    }).then(
      ({ child }) => {
        child.kill('SIGKILL');
        return new Error('it started');
      },
      (reason: Error) => reason,
    );
    assert.match(error.message, /auth|YAML|millrace|flow/i);
    rmSync(path);
    return error.message;
  });
  return (await Promise.all(said)).join('\n');
}

function assertSilent(where: string, text: string, names: Named): void {
  assert.ok(text.length > 0, `${where} is empty`);
  for (const [name, secret] of Object.entries(names)) {
    assert.ok(!text.includes(secret), `${where} holds ${name}: ${around(text, secret)}`);
  }
}

const around = (text: string, secret: string): string => {
  const at = text.indexOf(secret);
  return JSON.stringify(text.slice(Math.max(0, at - 200), at + 100));
};

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const skip = process.platform === 'linux' ? false : 'what runs is found in /proc';

test('T40 nothing that is told or kept holds what was secret', { skip }, () => {
  const all = { ...forbidden, ...kept };
  assertSilent('what the program said', told, all);
  assertSilent('its metrics', metrics, all);
  assertSilent('its traces', traces, all);
  // An error may say what was wrong, not what was in it.
  const { 'the name of a part of a form': _, ...inAnswers } = forbidden;
  assertSilent('errors', answers, inAnswers);
  const written = filesUnder(root).filter((path) => !path.startsWith(join(root, 'checkpoint')));
  assert.ok(written.length > 10);
  for (const path of written) {
    const text = readFileSync(path, 'latin1');
    for (const [name, secret] of Object.entries(forbidden)) {
      assert.ok(!text.includes(secret), `${path} holds ${name}: ${around(text, secret)}`);
    }
    if (path.startsWith(state)) continue;
    for (const [name, secret] of Object.entries(kept))
      assert.ok(!text.includes(secret), `${path} holds ${name}`);
  }
});

test('what is kept was really sent, and is where learning keeps it', { skip }, () => {
  const text = filesUnder(state)
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
  for (const name of [
    'a prompt',
    'a correction',
    'a comment',
    'a row of a file',
    'a note about a job',
  ] as const) {
    assert.ok(text.includes(kept[name]), `${name} was not kept: this test would see nothing`);
  }
});

test('T40 every line of the log is one object of JSON, whatever was sent', { skip }, () => {
  const lines = told.split('\n').filter((line) => line.startsWith('{'));
  assert.ok(lines.length > 10, `${lines.length} lines`);
  for (const line of lines) {
    const { msg } = JSON.parse(line) as { msg?: string };
    assert.notEqual(msg, 'INJECTED');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    assert.doesNotMatch(line, /[\u0000-\u0008\u000b-\u001f\u007f]/);
  }
  assert.ok(!told.includes('\u001b[31m'));
});

test('what learning keeps is for its own user alone', { skip }, () => {
  const open = filesUnder(state).filter((path) => (statSync(path).mode & 0o077) !== 0 && isReachable(path));
  assert.deepEqual(open, []);
});

/** Whether others may pass through all folders down to it. */
function isReachable(path: string): boolean {
  for (let folder = join(path, '..'); folder.startsWith(state); folder = join(folder, '..')) {
    if ((statSync(folder).mode & 0o005) === 0) return false;
  }
  return true;
}
