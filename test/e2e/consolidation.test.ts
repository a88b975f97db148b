/**
 * What was learned becomes a new base version and serves, with the trainer and the server killed on the way; then bases
 * are moved under clients that stream all the while.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type LearningServer, serveLearning, until } from './learning-server.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-clock-'));
const model = new TinyModel(root);
const layout = learningLayout(join(root, 'state'));
const args = [
  ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
  ...['--learning-dir', join(root, 'state'), '--engine-max-context', '128', '--engine-threads', '1'],
];
const waitMs = 20_000;
const numClients = 4;

let imported: string;
let adapter: string;
let server: LearningServer;

before(async () => {
  imported = await model.import();
  adapter = await model.publishAdapter(layout.adapters, imported, 1);
});
after(async () => {
  await server.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

interface Bases {
  readonly data: readonly {
    readonly id: string;
    readonly served: boolean;
    readonly merged: readonly object[];
  }[];
  readonly consolidation: { readonly open: object | null; readonly latest: { readonly base: string } | null };
}

const short = (version: string): string => version.slice(0, 19);
const bases = () => server.get<Bases>('/admin/bases');
const served = async () => (await bases()).data.find((base) => base.served)!;

interface Answer {
  readonly version: string;
  readonly text: string;
}

/** Streams an answer. Throws when it is not whole. */
async function ask(prompt: string): Promise<Answer> {
  const body = { model: modelName, prompt, max_tokens: 24, temperature: 0, ignore_eos: true, stream: true };
  const answer = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(waitMs),
  });
  const events = (await answer.text()).split('\n\n').filter((line) => line.startsWith('data: '));
  assert.equal(answer.status, 200, events.join());
  assert.equal(events.pop(), 'data: [DONE]');
  const chunks = events.map((event) => JSON.parse(event.slice(6)));
  const versions = new Set(chunks.map((chunk) => chunk.system_fingerprint));
  assert.deepEqual([...versions], [answer.headers.get('x-millrace-version')], 'one version from head to end');
  const text = chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('');
  assert.ok(chunks.some((chunk) => chunk.choices[0]?.finish_reason === 'length'));
  return { version: [...versions][0], text };
}

const prompts = ['The mill ', 'Water runs ', 'Who grinds? ', 'A race of '];

test('with the trainer and the server killed on its way, what was learned ends up in the base that serves', async () => {
  server = await serveLearning(args);
  await server.post(`/admin/versions/${adapter}/promote`, { tenant: 'anonymous' });
  const before = await Promise.all(prompts.map(ask));
  assert.deepEqual(new Set(before.map(({ version }) => version)), new Set([`${short(imported)}+${adapter}`]));
  await server.post('/admin/consolidate', { tenant: 'anonymous' });
  await until('the trainer merges', waitMs, () => server.said().includes('is being merged'));
  const { trainer } = await server.get<{ trainer: { pid: number } }>('/admin/learning');
  process.kill(trainer.pid, 'SIGKILL');
  assert.deepEqual(await ask(prompts[0]!), before[0], 'serving goes on as if nothing were');
  await assert.rejects(server.post('/admin/consolidate', { tenant: 'anonymous' }), /under way/);
  await until('the server begins to move', waitMs, () => server.said().includes('starting base'));
  await server.kill('SIGKILL');
  server = await serveLearning(args);
  const base = await until('the new base serves', waitMs, async () => {
    const { id, merged } = await served();
    return merged.length === 1 && id;
  });
  await until('the request is closed', waitMs, async () => (await bases()).consolidation.open === null);
  const now = await Promise.all(prompts.map(ask));
  assert.deepEqual(
    now,
    before.map(({ text }) => ({ version: short(base), text })),
    'the new base says alone what the old one said with the adapter',
  );
  const folders = readdirSync(model.modelsDir).sort();
  assert.deepEqual(
    folders,
    [modelName, `${modelName}@${base.slice(7, 19)}`],
    'one version was made, nothing is left over',
  );
});

test('bases are moved under clients that stream: no request fails, and none is answered by two versions', async () => {
  const consolidated = (await served()).id;
  const others = [await model.publishBase(adapter, 7), await model.publishBase(adapter, 8)];
  const answers: (Answer & { readonly prompt: string })[] = [];
  let isOver = false;
  const client = async (index: number): Promise<void> => {
    for (let count = index; !isOver; count++) {
      const prompt = prompts[count % prompts.length]!;
      answers.push({ prompt, ...(await ask(prompt)) });
    }
  };
  const clients = Array.from({ length: numClients }, (_, index) => client(index));
  const moves = [others[0]!, 'imported', others[1]!, short(consolidated)];
  const spoken = new Map<string, string>();
  for (const version of moves) {
    await server.post('/admin/base', { version });
    for (const prompt of prompts) {
      const { version: by, text } = await ask(prompt);
      spoken.set(`${by} ${prompt}`, text);
    }
  }
  isOver = true;
  await Promise.all(clients);
  const seen = new Set(answers.map(({ version }) => version));
  const expected = [...others.map(short), `${short(imported)}+${adapter}`, short(consolidated)];
  assert.deepEqual([...seen].sort(), expected.sort(), 'where an adapter was stable, it is again');
  for (const { version, prompt, text } of answers)
    assert.equal(text, spoken.get(`${version} ${prompt}`), `${version} was asked "${prompt}"`);
  assert.ok(new Set(spoken.values()).size >= 3 * prompts.length, 'the versions speak differently');
});
