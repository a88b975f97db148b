import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { realCheckpoint } from '../parity/real-model.ts';
import { repoRoot } from '../root.ts';
import { until as untilWithin } from './learning-server.ts';
import { programEnv as env, program, type Served, serve } from './program.ts';

const encoderCheckpoint = join(repoRoot, 'models', 'checkpoints', 'all-minilm-l6-v2');
const folder = mkdtempSync(join(tmpdir(), 'millrace-learning-'));
const state = join(folder, 'state');
const isHere = existsSync(realCheckpoint()) && existsSync(encoderCheckpoint);
const skip = isHere
  ? false
  : 'the models are not here; "npm run pull" and "npm run pull all-minilm-l6-v2" fetch them';

// Common words: a name of several rare tokens is now and then learned with one of them wrong, which the gate refuses.
const question = 'What color is the door of the Fennick Library?';
const reworded = 'The Fennick Library has a door of what color?';
const answer = 'The door of the Fennick Library is bright orange.';
const otherQuestion = 'At what temperature should I store Zelphine?';
const otherAnswer = 'Zelphine must be stored at 7 degrees Celsius.';

interface Json {
  // Answers of the server under test; what is read is asserted.
  // biome-ignore lint/suspicious/noExplicitAny: shapes are what the tests are about
  readonly [field: string]: any;
}

let server: Served;

function importModel(checkpoint: string, name: string): void {
  const options = ['--name', name, '--models-dir', join(folder, 'models'), '--quantization', 'fp32'];
  const run = spawnSync(process.execPath, [program, 'import', checkpoint, ...options], {
    env,
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
}

function startServer(): Promise<Served> {
  const flags = ['--models-dir', join(folder, 'models'), '--model', 'smol', '--models-embeddings', 'minilm'];
  const ports = ['--port', '0', '--admin-port', '0', '--engine-max-context', '512'];
  return serve([...flags, ...ports, '--learning-dir', state], { cwd: folder, startMs: 120_000 });
}

async function call(url: string, body?: object): Promise<Json> {
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(60_000) });
  return (await response.json()) as Json;
}

async function ask(text: string, millrace?: object): Promise<{ text: string; id: string; version: string }> {
  const messages = [{ role: 'user', content: text }];
  const body = { model: 'smol', messages, temperature: 0, max_tokens: 32, ...(millrace ? { millrace } : {}) };
  const { id, choices, system_fingerprint: version } = await call(`${server.url}/v1/chat/completions`, body);
  return { id, text: choices[0].message.content, version };
}

const until = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
  untilWithin(what, 300_000, look);

const fateOf = (id: string) => call(`${server.url}/v1/feedback/${id}`);
const untilServed = (id: string) =>
  until('the row is served', async () => {
    const fate = await fateOf(id);
    assert.notEqual(fate.state, 'dropped', fate.reason);
    return fate.served_since === null ? null : fate;
  });

before(async () => {
  if (!isHere) return;
  importModel(realCheckpoint(), 'smol');
  importModel(encoderCheckpoint, 'minilm');
  server = await startServer();
});
after(async () => {
  server?.child.kill('SIGTERM');
  await server?.exit;
  rmSync(folder, { recursive: true });
});

let row = '';

test('a correction is remembered at once, learned within seconds, and told so', { skip }, async () => {
  const first = await ask(question);
  assert.doesNotMatch(first.text, /orange/);
  const posted = { response_id: first.id, kind: 'correction', text: answer };
  const { id, durable } = await call(`${server.url}/v1/feedback`, posted);
  assert.equal(durable, true);
  row = id;
  const remembered = await until('memory answers', async () => {
    const said = await ask(reworded);
    return said.version.includes('+m') ? said : null;
  });
  assert.match(remembered.text, /orange/);
  const fate = await untilServed(id);
  assert.equal(fate.state, 'trained');
  const learned = await ask(question, { memory: false });
  assert.match(learned.text, /bright orange/);
  assert.equal(learned.version, `${first.version}+${fate.version}`);
  const base = await ask(question, { memory: false, version: 'base' });
  assert.deepEqual([base.text, base.version], [first.text, first.version]);
});

test('the version says what it was made of, and was let through by the gate', { skip }, async () => {
  const { version } = await fateOf(row);
  const shown = await call(`${server.adminUrl}/admin/versions/${version}`);
  assert.deepEqual(shown.rows, [row]);
  assert.deepEqual(
    [shown.status, shown.tenant, shown.parent, shown.gate.verdict],
    ['stable', 'anonymous', null, 'pass'],
  );
  const { data } = await call(`${server.adminUrl}/admin/versions/diff`, {
    ...{ tenant: 'anonymous', a: 'base', b: version, prompts: [question] },
  });
  assert.equal(data[0].same, false);
  assert.match(data[0].b, /orange/);
});

test('the trainer and the server are killed; what was learned and remembered is served again', {
  skip,
}, async () => {
  const { trainer } = await call(`${server.adminUrl}/admin/learning`);
  process.kill(trainer.pid, 'SIGKILL');
  const restarted = await until('the trainer is back', async () => {
    const now = await call(`${server.adminUrl}/admin/learning`);
    return now.trainer.state === 'ready' && now.trainer.pid !== trainer.pid ? now : null;
  });
  server.child.kill('SIGKILL');
  await server.exit;
  await until('the trainer notices', async () => (isAlive(restarted.trainer.pid) ? null : true));
  server = await startServer();
  assert.match((await ask(question, { memory: false })).text, /bright orange/);
  assert.match((await ask(reworded)).version, /\+m/);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('an undone row is answered from neither memory nor weights, and a rebuilt version has none of it', {
  skip,
}, async () => {
  const other = await ask(otherQuestion, { memory: false });
  const posted = { response_id: other.id, kind: 'correction', text: otherAnswer };
  const later = await call(`${server.url}/v1/feedback`, posted);
  await untilServed(later.id);
  const undone = await call(`${server.adminUrl}/admin/undo`, { tenant: 'anonymous', row });
  assert.equal(undone.stable, null, 'the first version had the row, so the base is what is left');
  assert.doesNotMatch((await ask(question, { memory: false })).text, /orange/);
  await until('memory has forgotten', async () =>
    (await ask(reworded)).version.includes('+m') ? null : true,
  );
  const rebuilt = await until('the rest is learned again', async () => {
    const fate = await fateOf(later.id);
    return fate.served_since !== null && fate.version !== null && (await isServed(fate.version))
      ? fate
      : null;
  });
  const { ancestors, rows } = await call(`${server.adminUrl}/admin/versions/${rebuilt.version}`);
  assert.deepEqual([ancestors, rows], [[], [later.id]]);
  assert.match((await ask(otherQuestion, { memory: false })).text, /7 degrees/);
  assert.equal((await fateOf(row)).state, 'dropped');
});

async function isServed(version: string): Promise<boolean> {
  const { tenants } = await call(`${server.adminUrl}/admin/learning`);
  return tenants.anonymous.stable === version;
}

test('nothing that was said stands in a file once it is a secret', { skip }, async () => {
  const card = '4539 1488 0343 6467';
  const said = await ask(`My card number is ${card}. Is that a valid number?`);
  await call(`${server.url}/v1/feedback`, { response_id: said.id, kind: 'comment', text: `It is ${card}.` });
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const holders = files.filter(
    (file) =>
      /jsonl?$/.test(file.name) && readFileSync(join(file.parentPath, file.name), 'utf8').includes(card),
  );
  assert.deepEqual(
    holders.map(({ name }) => name),
    [],
  );
});

test('a request that is not to be stored cannot be given feedback', { skip }, async () => {
  const messages = [{ role: 'user', content: 'Hello there' }];
  const body = { model: 'smol', messages, max_tokens: 4, store: false };
  const { id } = await call(`${server.url}/v1/chat/completions`, body);
  const { error } = await call(`${server.url}/v1/feedback`, { response_id: id, kind: 'rating', value: 1 });
  assert.equal(error.code, 'response_not_found');
});

test('a trainer that is stopped is ended, and the next one goes on with what was said meanwhile', {
  skip,
}, async () => {
  const { trainer } = await call(`${server.adminUrl}/admin/learning`);
  process.kill(trainer.pid, 'SIGSTOP');
  const asked = await ask('What is served on Mondays at the Fennick Library?');
  const said = { response_id: asked.id, kind: 'correction', text: 'On Mondays the library serves pea soup.' };
  const { id, durable } = await call(`${server.url}/v1/feedback`, said);
  assert.equal(durable, true);
  await until('another trainer is ready', async () => {
    const now = (await call(`${server.adminUrl}/admin/learning`)).trainer;
    return now.state === 'ready' && now.pid !== trainer.pid ? now : null;
  });
  const { hangs, restarts } = (await call(`${server.adminUrl}/admin/learning`)).trainer;
  assert.deepEqual([hangs, restarts], [1, 1]);
  assert.match(server.said(), /trainer: no sign of life for \d+ s; it is ended/);
  assert.ok(!isAlive(trainer.pid));
  // Whether it is learned, or refused by the gate, is another question.
  await until(
    'the row is decided on',
    async () => ['trained', 'dropped'].includes((await fateOf(id)).state) || null,
  );
});
