import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import {
  readConsolidationRequest,
  writeConsolidationRequest,
} from '../../core/learning/consolidation-request.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { noAliases, noTenantAliases, writeAliases } from '../../core/registry/aliases.ts';
import { publishBaseVersion } from '../../core/registry/base-versions.ts';
import {
  type LearningLayout,
  learningLayout,
  type VersionEvent,
} from '../../core/registry/learning-layout.ts';
import type { Consolidated, ConsolidateOptions } from '../consolidate/consolidate.ts';
import type { Example } from '../examples/example.ts';
import { Consolidation, type ConsolidationParts } from './consolidation.ts';
import { newLine } from './line.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-asked-'));
after(() => rmSync(root, { recursive: true }));
const base = `sha256:${'a'.repeat(64)}`;
const gate = { verdict: 'pass', checks: [] } as const;
const failedGate = {
  verdict: 'fail',
  checks: [{ name: 'perplexity', verdict: 'fail', value: 2, bound: 1 }],
} as const;

let count = 0;
let layout: LearningLayout;
let modelsDir: string;
let adapter: string;
let older: string;
let told: VersionEvent[];

const publish = async (parent: string | null, rows: readonly string[]): Promise<string> => {
  const shape = { rank: 1, alpha: 1, firstLayer: 0, targets: ['q' as const] };
  const lineage = { model: 'm', tenant: 't', base, parent, rows, recipe: { kind: 'feedback' }, shape, gate };
  const bytes = new TextEncoder().encode(`${count++}`);
  return (await publishAdapter(layout.adapters, { 'a.bin': bytes }, lineage, new Date(count))).id;
};

const serve = (stable: string | null, more: { base?: string; paused?: boolean } = {}) =>
  writeAliases(layout.aliases, {
    ...noAliases,
    paused: more.paused ?? false,
    models: { m: { base: more.base ?? base, tenants: { t: { ...noTenantAliases, stable } } } },
  });

const ask = (attempts = 0) =>
  writeConsolidationRequest(layout, { at: 'now', model: 'm', tenant: 't', adapter, attempts });

/** What a consolidation leaves on the disk. */
const makeVersion = async (of = adapter): Promise<string> => {
  const manifest = await publishBaseVersion({
    modelsDir,
    name: 'm',
    now: () => new Date(),
    async write(folder) {
      writeFileSync(join(folder, 'weights.bin'), of);
      const source = { format: 'gguf', name: 'm', merged: [{ adapter: of, tenant: 't' }] } as const;
      return { source, kind: 'decoder', architecture: 'llama', quantization: 'int8', gate };
    },
  });
  return manifest!.version;
};

beforeEach(async () => {
  const folder = join(root, String(count++));
  layout = learningLayout(join(folder, 'state'));
  modelsDir = join(folder, 'models');
  told = [];
  older = await publish(null, ['a']);
  adapter = await publish(older, ['b']);
  await serve(adapter);
});

const exampleOf = (id: string): Example => ({
  id,
  tenant: 't',
  account: 'ann',
  model: 'm',
  receivedMs: 0,
  context: { kind: 'text', prompt: id },
  kind: 'answer',
  answer: id,
});

type Consolidate = ConsolidationParts['consolidate'];

const made: Consolidate = async () => {
  const version = await makeVersion();
  return { version, folder: version, gate, removed: [] };
};

function start(consolidate: Consolidate, more: Partial<ConsolidationParts> = {}): Consolidation {
  const replay = ['a', 'b', 'later'].map((id) => ({ example: exampleOf(id), interval: 1, due: 1 }));
  return new Consolidation({
    ...{ layout, modelsDir, model: 'm', threads: 1, niceness: 15, timeoutMs: 9_000, consolidate },
    lines: { get: () => ({ ...newLine, replay }) },
    ledger: { tellVersion: async (event) => void told.push(event) },
    onMade: async () => {},
    now: () => new Date(0),
    log: () => {},
    ...more,
  });
}

/** Polls until nothing is asked for. Returns how often something was begun. */
async function untilDone(consolidation: Consolidation): Promise<void> {
  for (let polls = 0; (await readConsolidationRequest(layout)) !== null; polls++) {
    assert.ok(polls < 500, 'the request comes to an end');
    await consolidation.poll();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('what is asked for is made with what the version has learned, told, and then no longer asked for', async () => {
  const asked: ConsolidateOptions[] = [];
  const consolidation = start((options) => {
    asked.push(options);
    return made(options);
  });
  await consolidation.poll();
  assert.deepEqual([asked.length, told.length], [0, 0], 'without a request nothing happens');
  await ask();
  await untilDone(consolidation);
  assert.deepEqual(
    asked.map(({ adapters, examples }) => [adapters, examples.map(({ id }) => id)]),
    [[[adapter], ['b', 'a']]],
  );
  const [event] = told;
  assert.ok(event?.type === 'base' && told.length === 1);
  assert.deepEqual([event.adapter, event.tenant, event.version], [adapter, 't', await makeVersion()]);
});

test('while one is made, nobody waits for it', async () => {
  let end: (made: Consolidated) => void = () => {};
  let numBegun = 0;
  const consolidation = start(
    () =>
      new Promise((resolve) => {
        numBegun++;
        end = resolve;
      }),
  );
  await ask();
  for (let polls = 0; polls < 20; polls++) {
    await consolidation.poll();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(numBegun, 1);
  end({ version: null, folder: null, gate: failedGate, removed: [] });
  await untilDone(consolidation);
});

test('what the gate does not let through is told with its checks', async () => {
  await ask();
  await untilDone(start(async () => ({ version: null, folder: null, gate: failedGate, removed: [] })));
  const [event] = told;
  assert.ok(event?.type === 'base-refused');
  assert.deepEqual([event.adapter, event.checks], [adapter, ['perplexity']]);
});

test('killed after the version was there or after it was told, it is told and not made again', async () => {
  const never: Consolidate = () => assert.fail('it is there already');
  const version = await makeVersion();
  await ask(1);
  await untilDone(start(never));
  // The server has moved already.
  await serve(null, { base: version });
  await ask(1);
  await untilDone(start(never));
  assert.deepEqual(
    told.map((event) => event.type === 'base' && event.version),
    [version, version],
  );
});

test('a version that is damaged, refused or of another adapter is not taken for what is asked for', async () => {
  await makeVersion(older);
  const damaged = await makeVersion();
  const folder = join(modelsDir, `m@${damaged.slice(7, 19)}`);
  appendFileSync(join(folder, 'weights.bin'), 'x');
  let numMade = 0;
  await ask();
  await untilDone(
    start(async (options) => {
      numMade++;
      return made(options);
    }),
  );
  assert.deepEqual([numMade, told.length], [1, 1]);
  assert.equal(readdirSync(modelsDir).length, 2);
});

test('what is no longer served is not merged', async () => {
  const never: Consolidate = () => assert.fail('nobody wants it');
  for (const [stable, servedOn] of [
    [older, base],
    [null, base],
    [adapter, `sha256:${'b'.repeat(64)}`],
  ] as const) {
    await serve(stable, { base: servedOn });
    await ask();
    await untilDone(start(never));
  }
  assert.deepEqual(
    told.map(({ type }) => type),
    ['base-refused', 'base-refused', 'base-refused'],
  );
  await serve(await publish(adapter, ['c']));
  await ask();
  await untilDone(start(made));
  assert.equal(told.at(-1)?.type, 'base', 'a version on top of it takes nothing away');
});

test('a process that dies is begun again, and given up in the end', async () => {
  let numBegun = 0;
  await ask();
  await untilDone(
    start(async () => {
      numBegun++;
      throw new Error('out of memory');
    }),
  );
  assert.equal(numBegun, 5);
  const [event] = told;
  assert.ok(event?.type === 'base-refused');
  assert.match(event.reason, /out of memory/);
});

test('a trainer that dies each time with it gives it up too', async () => {
  await ask(5);
  await untilDone(start(() => assert.fail('begun once too often')));
  assert.equal(told[0]?.type, 'base-refused');
});

test('a trainer that is stopped leaves the request as it was', async () => {
  await ask(2);
  let hasBegun = false;
  const consolidation = start(
    ({ signal }) =>
      new Promise((_, reject) => {
        hasBegun = true;
        signal!.addEventListener('abort', () => reject(new Error('stopped')));
      }),
  );
  await consolidation.poll();
  while (!hasBegun) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal((await readConsolidationRequest(layout))?.attempts, 3);
  await consolidation.close();
  assert.equal((await readConsolidationRequest(layout))?.attempts, 2);
  assert.deepEqual(told, []);
});

test('while learning is paused, nothing is begun', async () => {
  await serve(adapter, { paused: true });
  await ask();
  const consolidation = start(() => assert.fail('paused'));
  await consolidation.poll();
  await consolidation.close();
  assert.notEqual(await readConsolidationRequest(layout), null);
});
