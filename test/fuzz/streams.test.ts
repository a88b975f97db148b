/** What comes over the wire, out of logs and out of configurations, changed anywhere: taken or refused, and no more. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../core/errors.ts';
import { readAll } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { parseLogRecord } from '../../core/feedback/parse-record.ts';
import { readPosition } from '../../core/feedback/read-position.ts';
import type { Fate, LogRecord } from '../../core/feedback/record.ts';
import { JobStore } from '../../core/jobs/job-store.ts';
import { streamChat } from '../../server/cli/chat-client.ts';
import { loadConfig } from '../../server/config/load.ts';
import { Fates } from '../../server/feedback/fates.ts';
import { FeedbackIndex } from '../../server/feedback/feedback-index.ts';
import { parseJson } from '../../server/http/body.ts';
import { checkFile } from '../../server/jobs/check-file.ts';
import { FileShelf } from '../../server/jobs/file-shelf.ts';
import { bagOfWords } from '../../server/memory/fake-embed.ts';
import { MemoryStore } from '../../server/memory/memory-store.ts';
import { Decisions } from '../../server/rollout/decisions.ts';
import { goodFields } from '../api/body-attacks.ts';
import { stillServes } from '../api/gateway.ts';
import { type LearningGateway, startLearningGateway } from '../api/learning-gateway.ts';
import { mutatedBytes, mutatedJson } from './mutate.ts';
import { fuzzSeed, told, tryAll } from './trial.ts';

const scratch = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'));
after(() => rmSync(scratch, { recursive: true }));
const limits = { segmentBytes: 4_000, totalBytes: 1e7, maxPending: 100 };
let numFolders = 0;
const newFolder = (): string => {
  const folder = join(scratch, String(numFolders++));
  mkdirSync(folder);
  return folder;
};

test('bodies of JSON', async (context) => {
  const good = Buffer.from(
    JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'a "quoted" \\ é 😀' }],
      stop: ['a', 'b'],
      n: 2,
    }),
  );
  const attempted = await tryAll(
    mutatedBytes(good),
    (bytes) => {
      const parsed = parseJson(bytes);
      // What is taken is what everybody else reads, too.
      assert.deepEqual(parsed, JSON.parse(bytes.toString()));
    },
    { numRuns: 2_000 },
  );
  context.diagnostic(told(attempted));
  assert.ok(attempted.numTaken > 50 && attempted.numRefused > 500);
});

test('a body is refused for a key that comes twice exactly where there is one', async () => {
  // Objects are made of pairs, so that a name may come twice; the oracle counts them before they are text.
  type Node = { readonly text: string; readonly isDouble: boolean };
  const name = fc.constantFrom('a', 'b', 'c', '\\u0061', 'a\\"', 'a\\\\', '');
  const meant = (text: string): string => JSON.parse(`"${text}"`) as string;
  const { node } = fc.letrec<{ node: Node }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .constantFrom('1', '"{\\"a\\":1,\\"a\\":2}"', 'null', '"\\\\"')
        .map((text): Node => ({ text, isDouble: false })),
      fc.array(tie('node'), { maxLength: 3 }).map(
        (items): Node => ({
          text: `[${items.map(({ text }) => text).join(' , ')}]`,
          isDouble: items.some(({ isDouble }) => isDouble),
        }),
      ),
      fc.array(fc.tuple(name, tie('node')), { maxLength: 3 }).map(
        (pairs): Node => ({
          text: `{${pairs.map(([key, { text }]) => `"${key}" : ${text}`).join(',')}}`,
          isDouble:
            new Set(pairs.map(([key]) => meant(key))).size < pairs.length ||
            pairs.some(([, { isDouble }]) => isDouble),
        }),
      ),
    ),
  }));
  const property = fc.property(node, ({ text, isDouble }) => {
    const parse = (): unknown => parseJson(Buffer.from(text));
    if (isDouble) assert.throws(parse, /twice in one object/);
    else assert.deepEqual(parse(), JSON.parse(text));
  });
  fc.assert(property, { numRuns: 3_000, seed: fuzzSeed });
});

test('files to train on', async (context) => {
  const rows = [
    {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', weight: 1 },
      ],
    },
    {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'c' }] },
        { role: 'assistant', content: 'ann@example.org' },
      ],
    },
  ];
  const good = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const look = (bytes: Uint8Array): void => {
    const checked = checkFile(bytes, 1_000);
    if ('problem' in checked) throw new MillraceError('invalid_argument', { message: checked.problem });
    assert.ok(!('problem' in checkFile(checked.content, 1_000)), 'what was taken is taken again');
  };
  const bytes = await tryAll(mutatedBytes(good), look, { numRuns: 1_000 });
  const trees = await tryAll(mutatedJson(rows[0]), (json) => look(Buffer.from(JSON.stringify(json) ?? '')), {
    numRuns: 500,
  });
  context.diagnostic(`bytes: ${told(bytes)}; trees: ${told(trees)}`);
});

const yaml = `server: { host: 127.0.0.1, port: 0 }
limits:
  bodyBytes: &size 65536
  requestMs: 5000
engine: { maxSlots: 4, prefixCacheBytes: *size }
auth:
  keys:
    - name: a
      sha256: ${'a'.repeat(64)}
      scopes: [inference, admin]
      requestsPerMinute: 5
log: { level: warn }
`;

test('configuration files', async (context) => {
  const path = join(newFolder(), 'millrace.yaml');
  const load = (text: string | Uint8Array): void => {
    writeFileSync(path, text);
    loadConfig({ file: path, environment: {}, flags: {} });
  };
  load(yaml);
  const attempted = await tryAll(mutatedBytes(Buffer.from(yaml)), load, { numRuns: 800 });
  context.diagnostic(told(attempted));
  assert.ok(attempted.numTaken > 20 && attempted.numRefused > 200);
});

const laughs = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(10)}]`).join(
  '\n',
);
for (const [name, text] of [
  ['aliases that multiply', `a0: &a0 [lol]\n${laughs}\n`],
  ['an alias of itself', 'a: &a [*a]\n'],
  ['nesting without end', `a: ${'['.repeat(100_000)}`],
  ['maps without end', `${'{a: '.repeat(20_000)}`],
  ['keys that are maps', '? {a: 1}\n: {b: 2}\n'],
  ['prototypes', '__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }\n'],
  ['a type of its own', 'server: !!js/function "function () { process.exit() }"\n'],
  ['a merge', 'a: &a { b: 1 }\nserver: { <<: *a }\n'],
] as const) {
  test(`a configuration of ${name} is refused with its problems`, async () => {
    const path = join(newFolder(), 'millrace.yaml');
    writeFileSync(path, text);
    const startMs = performance.now();
    assert.throws(
      () => loadConfig({ file: path, environment: {}, flags: {} }),
      (error: unknown) => error instanceof MillraceError && error.code === 'config_invalid',
    );
    assert.ok(performance.now() - startMs < 5_000);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
}

const record: LogRecord = {
  type: 'feedback',
  id: 'fb-1',
  receivedAt: '2026-01-02T03:04:05.000Z',
  tenant: 't',
  account: 'a',
  model: 'm',
  version: 'v',
  arm: null,
  responseId: 'r',
  conversation: 'c',
  answeredAt: '2026-01-02T03:04:04.000Z',
  context: { kind: 'chat', messages: [{ role: 'user', content: 'Why?' }] },
  answer: 'Because.',
  signal: { kind: 'correction', text: 'Since.' },
  redactions: { email: 1 },
  idempotency: { key: 'k', digest: 'd' },
};
const undo: LogRecord = {
  type: 'undo',
  id: 'u-1',
  receivedAt: '2026-01-02T03:04:05.000Z',
  tenant: 't',
  what: { kind: 'row', row: 'fb-1' },
  rows: ['fb-1'],
};

async function logOf(lines: readonly object[]): Promise<{ folder: string; segments: Map<string, Buffer> }> {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  for (const line of lines) await writer.append(line);
  await writer.close();
  return {
    folder,
    segments: new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))])),
  };
}

/** Opens a log whose segments have been changed, again and again. */
async function damaged(lines: readonly object[], open: (folder: string) => Promise<unknown>) {
  const { folder, segments } = await logOf(lines);
  const [name, original] = [...segments].at(-1)!;
  return tryAll(
    mutatedBytes(original),
    async (bytes) => {
      writeFileSync(join(folder, name), bytes);
      await open(folder);
    },
    { numRuns: 150 },
  );
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const remembered: LogRecord = {
  type: 'memory',
  id: 'm-1',
  receivedAt: '2026-01-02T03:04:05.000Z',
  tenant: 't',
  origin: 'here',
  change: {
    kind: 'put',
    entry: {
      ...{ id: 'mem-1', tenant: 't', account: 'a', model: 'm', question: 'q', context: null, answer: 'x' },
      ...{ source: null, createdMs: 1, expiresMs: 2 },
    },
  },
};
const records = [...many(20, (index) => ({ ...record, id: `fb-${index}` })), undo, remembered];

test('damaged logs of feedback', { timeout: 120_000 }, async (context) => {
  const attempted = await damaged(records, async (folder) => {
    for await (const { record: read } of readAll(folder, parseLogRecord)) {
      // What the trainer and the memory take for granted.
      assert.equal(typeof read.tenant, 'string');
      if (read.type === 'memory') assert.equal(typeof read.change.kind, 'string');
      else if (read.type === 'undo') assert.ok((read.rows ?? []).every((row) => typeof row === 'string'));
      else {
        assert.equal(typeof (read.answer + read.account + read.model), 'string');
        const { context: said } = read;
        const first = said.kind === 'chat' ? (said.messages[0]?.content ?? '') : said.prompt;
        assert.equal(typeof first, 'string');
      }
    }
    const index = await FeedbackIndex.open(folder, 100);
    await index.get('fb-3');
    await index.rowsOfAccount('t', 'a');
  });
  context.diagnostic(told(attempted));
  assert.equal(attempted.numRefused, 0, 'damage costs lines, and nothing else');
});

test('trees that are nearly records', async () => {
  for (const original of [record, undo, remembered]) {
    await tryAll(
      mutatedJson(original),
      (json) => {
        const parsed = parseLogRecord(json);
        if (parsed?.type !== 'feedback') return;
        assert.equal(typeof parsed.signal.kind, 'string');
        JSON.stringify(parsed);
      },
      { numRuns: 500 },
    );
  }
});

test('damaged logs of fates, of decisions and of the memory', { timeout: 120_000 }, async (context) => {
  const fate: Fate = { id: 'fb-1', at: record.receivedAt, state: { kind: 'dropped', reason: 'x' } };
  const fates = await damaged(
    many(20, (index) => ({ ...fate, id: `fb-${index}` })),
    async (folder) => {
      await new Fates(folder, 10).of('fb-1');
    },
  );
  const decision = {
    type: 'decision',
    at: record.receivedAt,
    model: 'm',
    tenant: 't',
    trial: 'canary',
    version: 'v',
    against: null,
  };
  const more = { kind: 'promote', reason: 'moved', effect: 'moved', startedMs: 1, evidence: {} };
  const decisions = await damaged(
    many(20, () => ({ ...decision, ...more })),
    async (folder) => {
      const opened = await Decisions.open(folder);
      opened.of('m', 't');
      await opened.close();
    },
  );
  const memory = await damagedMemory();
  context.diagnostic(`fates: ${told(fates)}; decisions: ${told(decisions)}; memory: ${told(memory)}`);
  assert.deepEqual([fates.numRefused, decisions.numRefused, memory.numRefused], [0, 0, 0]);
});

async function damagedMemory() {
  const folder = newFolder();
  const bounds = { maxEntries: 10, maxPerAccount: 5 };
  const store = await MemoryStore.open(folder, bounds);
  const entry = {
    tenant: 't',
    account: 'a',
    model: 'm',
    answer: 'x',
    source: null,
    createdMs: 1,
    expiresMs: 2,
  };
  for (const id of many(8, (index) => `mem-${index}`)) {
    const by = { vector: bagOfWords(id), contextVector: null, encoder: 'words' };
    await store.put({ ...entry, context: null, id, question: `What is ${id}?` }, by);
  }
  await store.delete('t', ({ id }) => id === 'mem-3');
  await store.close();
  const log = join(folder, '00000001');
  const [name] = readdirSync(log);
  const original = readFileSync(join(log, name!));
  return tryAll(
    mutatedBytes(original),
    async (bytes) => {
      writeFileSync(join(log, name!), bytes);
      const opened = await MemoryStore.open(folder, bounds);
      for (const { vector } of opened.entriesOf('t').values()) assert.ok(vector instanceof Float32Array);
      await opened.close();
    },
    { numRuns: 100 },
  );
}

test('damaged places in logs, jobs and descriptions of files', async (context) => {
  const cursor = join(newFolder(), 'cursor.json');
  const places = await tryAll(mutatedBytes(Buffer.from('{"segment":3,"offset":1200}')), async (bytes) => {
    writeFileSync(cursor, bytes);
    const { segment, offset } = await readPosition(cursor, () => {});
    assert.ok(segment >= 0 && offset >= 0);
  });
  const id = `file-${'a'.repeat(32)}`;
  const shelf = newFolder();
  const stored = {
    id,
    tenant: 't',
    filename: 'f',
    bytes: 3,
    createdMs: 1,
    kind: 'chat',
    numRows: 1,
    redactions: {},
  };
  writeFileSync(join(shelf, `${id}.jsonl`), '{}\n');
  const files = await tryAll(mutatedBytes(Buffer.from(JSON.stringify(stored))), async (bytes) => {
    writeFileSync(join(shelf, `${id}.json`), bytes);
    for (const file of (await FileShelf.open(shelf)).list('t')) assert.equal(file.id, id);
  });
  const jobs = await damagedJobs();
  context.diagnostic(`places: ${told(places)}; files: ${told(files)}; jobs: ${told(jobs)}`);
  assert.deepEqual([places.numRefused, files.numRefused, jobs.numRefused], [0, 0, 0]);
});

async function damagedJobs() {
  const folder = newFolder();
  const store = new JobStore(folder);
  const id = `ftjob-${'a'.repeat(32)}`;
  const auto = { numEpochs: 'auto', batchSize: 'auto', rateMultiplier: 'auto', beta: 'auto' } as const;
  const request = {
    id,
    tenant: 't',
    createdMs: 1,
    model: 'm',
    trainingFile: 'f',
    validationFile: null,
    suffix: '',
    seed: 1,
  };
  await store.create({ ...request, method: 'supervised', hyperparameters: auto, metadata: { a: 'b' } });
  const path = join(folder, id, 'job.json');
  const original = readFileSync(path);
  return tryAll(mutatedBytes(original), async (bytes) => {
    writeFileSync(path, bytes);
    const fresh = new JobStore(folder);
    await fresh.sweep();
    for (const each of await fresh.requests()) assert.equal(typeof each.tenant, 'string');
    await fresh.pending();
    await fresh.read(id);
  });
}

test("a server's stream, as the chat client reads it", { timeout: 120_000 }, async (context) => {
  const chunk = (content: string): string =>
    `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const good = Buffer.from(
    `: keep-alive\n\n${chunk('Grüße')}${chunk(' 😀')}data: {"choices":[]}\n\ndata: [DONE]\n\n`,
  );
  let next: Buffer = good;
  let status = 200;
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    response.end(next);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const read = async (): Promise<void> => {
    const signal = AbortSignal.timeout(5_000);
    const messages = [{ role: 'user' as const, content: 'a' }];
    for await (const text of streamChat(
      { url, model: 'm', apiKey: null },
      messages,
      { maxTokens: 1, temperature: 0 },
      signal,
    ))
      assert.equal(typeof text, 'string');
  };
  // Its caller prints the message of whatever is thrown: it must be one for people.
  const isMeant = (error: unknown): boolean => error instanceof Error && error.constructor === Error;
  try {
    const streams = await tryAll(
      mutatedBytes(good),
      async (bytes) => {
        next = bytes;
        await read();
      },
      { numRuns: 300, isMeant },
    );
    status = 500;
    const failures = await tryAll(
      mutatedBytes(Buffer.from('{"error":{"message":"no"}}')),
      async (bytes) => {
        next = bytes;
        await read();
      },
      { numRuns: 100, isMeant },
    );
    assert.equal(failures.numTaken, 0);
    status = 200;
    next = Buffer.alloc(40 * 2 ** 20, 'x');
    await assert.rejects(read(), /no stream of events/);
    next = Buffer.from('data: x\n'.repeat(2_000_000));
    await assert.rejects(read(), /no stream of events/);
    context.diagnostic(`streams: ${told(streams)}; failures: ${told(failures)}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

let gateway: LearningGateway;
before(async () => {
  gateway = await startLearningGateway({ tenants: ['anonymous'], limits: { bodyBytes: 100_000 } });
});
after(() => gateway.close());

test('forms with a file', { timeout: 120_000 }, async (context) => {
  const boundary = 'xYzZy';
  const row = {
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
  };
  const part = (head: string, body: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
  const form = `${part('name="purpose"', 'fine-tune')}${part('name="file"; filename="a.jsonl"', `${JSON.stringify(row)}\n`)}--${boundary}--\r\n`;
  const statuses = new Map<number, number>();
  await tryAll(
    mutatedBytes(Buffer.from(form)),
    async (bytes) => {
      const answer = await fetch(`${gateway.url}/v1/files`, {
        method: 'POST',
        headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
        body: bytes,
        signal: AbortSignal.timeout(5_000),
      });
      const text = await answer.text();
      assert.ok(
        answer.status === 200 || (answer.status >= 400 && answer.status < 500),
        `${answer.status}: ${text}`,
      );
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status !== 200) return;
      const { id } = JSON.parse(text) as { id: string };
      await fetch(`${gateway.url}/v1/files/${id}`, { method: 'DELETE' });
    },
    { numRuns: 300 },
  );
  context.diagnostic(JSON.stringify(Object.fromEntries(statuses)));
  await stillServes(gateway);
});

const bodies: Readonly<Record<string, object>> = {
  ...goodFields,
  '/v1/embeddings': { model: 'test-model', input: ['a', 'b'], encoding_format: 'float' },
  '/v1/score': { model: 'test-model', input: [{ prompt: 'a', completion: 'b' }] },
  '/v1/feedback': {
    kind: 'demonstration',
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
  },
  '/v1/memory': { model: 'test-model', question: 'a?', answer: 'b' },
  '/v1/fine_tuning/jobs': {
    model: 'test-model',
    training_file: 'file-x',
    suffix: 's',
    seed: 1,
    method: { type: 'dpo', dpo: { hyperparameters: { n_epochs: 'auto', beta: 0.1 } } },
    metadata: { a: 'b' },
  },
};

for (const [path, good] of Object.entries(bodies)) {
  test(`POST ${path}, whatever stands in its fields`, { timeout: 120_000 }, async (context) => {
    const statuses = new Map<number, number>();
    const full = {
      max_tokens: 2,
      temperature: 0,
      stop: ['a'],
      logit_bias: { 1: 2 },
      stream_options: {},
      seed: 1,
      user: 'u',
      n: 1,
    };
    const original = path.includes('completions') ? { ...full, ...good } : good;
    await tryAll(
      mutatedJson(original),
      async (json) => {
        const answer = await fetch(gateway.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(json) ?? '',
          signal: AbortSignal.timeout(5_000),
        });
        const text = await answer.text();
        assert.ok(answer.status < 500, `${answer.status}: ${text}`);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status < 400) return;
        assert.deepEqual(Object.keys((JSON.parse(text) as { error: object }).error).sort(), [
          'code',
          'message',
          'param',
          'type',
        ]);
      },
      { numRuns: 120 },
    );
    context.diagnostic(JSON.stringify(Object.fromEntries(statuses)));
    await stillServes(gateway);
  });
}
