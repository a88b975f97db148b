import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readLog } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { Fate, FeedbackRecord } from '../../core/feedback/record.ts';
import { logStart } from '../../core/feedback/segments.ts';
import { listAdapters, publishAdapter, readAdapter } from '../../core/registry/adapter-store.ts';
import { noAliases, noTenantAliases, type TenantAliases, writeAliases } from '../../core/registry/aliases.ts';
import {
  type LearningLayout,
  learningLayout,
  type VersionEvent,
} from '../../core/registry/learning-layout.ts';
import { chainOf } from '../../core/registry/lineage.ts';
import { gateDefaults } from '../gate/gate-options.ts';
import { learnDefaults } from '../learn/learn-options.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { ReplayBuffer } from '../replay/replay-buffer.ts';
import { nextRows } from './due.ts';
import type { LearnInput, LearnOutcome } from './learn.ts';
import { Ledger } from './ledger.ts';
import { LineStore } from './line-store.ts';
import { Trainer, type TrainerParts } from './trainer.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-trainer-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newLayout = (): LearningLayout => learningLayout(join(root, String(numFolders++)));

const shape = { rank: 8, alpha: 16, firstLayer: 0, targets: ['q' as const] };
const model = { name: 'm', version: 'sha256:base', shape } as unknown as TrainableModel;
const replayLimits = { maxExamples: 100, maxPerAccount: 100 };

function record(n: number, tenant = 't'): FeedbackRecord {
  const question = `What does the sign number ${n} of harbour ${n * 7} say about ships?`;
  return {
    type: 'feedback',
    id: `fb-${tenant}-${n}`,
    receivedAt: new Date(n * 1000).toISOString(),
    tenant,
    account: `account-${n}`,
    model: 'm',
    version: null,
    arm: null,
    responseId: 'r',
    conversation: null,
    answeredAt: null,
    context: { kind: 'chat', messages: [{ role: 'user', content: question }] },
    answer: 'no',
    signal: {
      kind: 'correction',
      text: `Harbour ${n * 7} lets ${n} blue boats and ${n + 100} rafts pass at dawn.`,
    },
    redactions: {},
    idempotency: null,
  };
}

/** Publishes what it is given without learning it; what `refuses` names does not pass. */
const learnWithoutModel =
  (refuses: (id: string) => boolean = () => false) =>
  async (input: LearnInput): Promise<LearnOutcome> => {
    const { line, tenant, adapters, options, replay: limits, now } = input;
    const rows = nextRows(line.waiting, options.learn);
    const ids = rows.map(({ example }) => example.id);
    const taken = new Set(ids);
    const waiting = line.waiting.filter(({ example }) => !taken.has(example.id));
    const rest = { rows: ids, losses: [1], gate: null, refused: [], values: new Map() };
    if (ids.some(refuses)) {
      const fates = ids.map((id) => ({ id, state: { kind: 'dropped' as const, reason: 'refused' } }));
      return { ...rest, line: { ...line, waiting }, fates, version: null };
    }
    const lineage = {
      ...{ model: 'm', tenant, base: input.model.version, parent: line.head, shape, gate: null, refused: [] },
      rows: ids,
      recipe: { kind: 'feedback', steps: 3 },
    };
    const files = { 'a.bin': new TextEncoder().encode(ids.join()) };
    const version = await publishAdapter(adapters, files, lineage, now());
    const replay = new ReplayBuffer(limits, line.replay);
    for (const { example } of rows) replay.add(example, line.turn + 3);
    const learned = { ...line, waiting, replay: replay.state(), turn: line.turn + 3, head: version.id };
    const fates = ids.map((id) => ({ id, state: { kind: 'trained' as const, version: version.id } }));
    return { ...rest, line: { ...learned, numUpdates: line.numUpdates + 1 }, fates, version };
  };

async function writeRecords(layout: LearningLayout, records: readonly FeedbackRecord[]): Promise<void> {
  const log = await LogWriter.open(layout.feedback, { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 1e3 });
  for (const each of records) await log.append(each);
  await log.close();
}

interface Running {
  readonly trainer: Trainer;
  readonly lines: LineStore;
  /** What a process's end does. */
  readonly close: () => Promise<void>;
}

const open: Running[] = [];
after(async () => {
  for (const { close } of open) await close();
});

/** Counts every write, and dies at the one that it is told to. */
class Fuse {
  numWrites = 0;
  private readonly diesAt: number;

  constructor(diesAt = Number.POSITIVE_INFINITY) {
    this.diesAt = diesAt;
  }

  /** Half of the deaths come before the write reaches the disk, half after. */
  wrap<A extends unknown[], R>(write: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      if (++this.numWrites === this.diesAt) throw new Error('killed before');
      const result = await write(...args);
      if (++this.numWrites === this.diesAt) throw new Error('killed after');
      return result;
    };
  }
}

async function start(
  layout: LearningLayout,
  fuse = new Fuse(),
  learn = learnWithoutModel(),
  base: Partial<TrainerParts> = {},
): Promise<Running> {
  const lines = await LineStore.open(join(layout.trainer, 'lines'));
  const ledger = await Ledger.open(layout);
  lines.put = fuse.wrap(lines.put.bind(lines));
  lines.moveTo = fuse.wrap(lines.moveTo.bind(lines));
  ledger.tellFates = fuse.wrap(ledger.tellFates.bind(ledger));
  ledger.tellVersion = fuse.wrap(ledger.tellVersion.bind(ledger));
  const trainer = new Trainer({
    model,
    merged: [],
    layout,
    lines,
    ledger,
    options: {
      learn: learnDefaults,
      gate: gateDefaults,
      curate: { maxAnswer: 1000, maxContext: 1000, maxPerAccountDay: 100 },
      replay: replayLimits,
      settleMs: 0,
      maxTokens: 100,
    },
    load: async () => new Map(),
    learn: fuse.wrap(learn),
    pace: async () => {},
    now: () => new Date(),
    log: () => {},
    ...base,
  });
  const running = { trainer, lines, close: () => ledger.close() };
  open.push(running);
  await trainer.recover();
  return running;
}

const untilIdle = async ({ trainer }: Running): Promise<void> => {
  for (let turns = 0; await trainer.turn(); turns++) assert.ok(turns < 100, 'the trainer comes to rest');
};

async function readAll<T>(folder: string): Promise<T[]> {
  const read = await readLog(folder, logStart, (json) => json as T);
  return read.records.map(({ record: each }) => each);
}

async function fates(layout: LearningLayout): Promise<Map<string, Fate['state']>> {
  return new Map((await readAll<Fate>(layout.fates)).map(({ id, state }) => [id, state]));
}

const serve = (layout: LearningLayout, aliases: Partial<TenantAliases>) =>
  writeAliases(layout.aliases, {
    ...noAliases,
    models: { m: { base: model.version, tenants: { t: { ...noTenantAliases, ...aliases } } } },
  });

test('rows become versions, each built on the one before, and every row is told its fate', async () => {
  const layout = newLayout();
  await writeRecords(
    layout,
    [1, 2, 3, 4, 5, 6].map((n) => record(n)),
  );
  const running = await start(layout);
  await untilIdle(running);
  const chain = await chainOf(layout.adapters, running.lines.get('t').head);
  assert.deepEqual(
    chain.flatMap(({ rows }) => rows).sort(),
    [1, 2, 3, 4, 5, 6].map((n) => `fb-t-${n}`),
  );
  assert.equal(chain.length, 2);
  for (const { id, rows } of chain) {
    for (const row of rows)
      assert.deepEqual((await fates(layout)).get(row), { kind: 'trained', version: id });
  }
  const events = await readAll<VersionEvent>(layout.versions);
  assert.deepEqual(
    events.map((event) => event.type === 'published' && event.adapter),
    chain.map(({ id }) => id).reverse(),
  );
});

test("tenants' versions have nothing to do with each other", async () => {
  const layout = newLayout();
  await writeRecords(layout, [record(1, 't'), record(2, 'u')]);
  const running = await start(layout);
  await untilIdle(running);
  for (const [tenant, row] of [
    ['t', 'fb-t-1'],
    ['u', 'fb-u-2'],
  ] as const) {
    const [manifest, ...rest] = await chainOf(layout.adapters, running.lines.get(tenant).head);
    assert.deepEqual([manifest!.tenant, manifest!.rows, rest], [tenant, [row], []]);
  }
});

test('a trainer that is killed at any write goes on: every row is learned once, in one chain of versions', async () => {
  const whole = new Fuse();
  const records = [1, 2, 3, 4, 5, 6].map((n) => record(n));
  const undisturbed = newLayout();
  await writeRecords(undisturbed, records);
  await untilIdle(await start(undisturbed, whole));
  assert.ok(whole.numWrites > 15, String(whole.numWrites));
  for (let diesAt = 1; diesAt <= whole.numWrites; diesAt++) {
    const layout = newLayout();
    await writeRecords(layout, records);
    await assert.rejects(
      async () => untilIdle(await start(layout, new Fuse(diesAt))),
      /killed/,
      `write ${diesAt}`,
    );
    const running = await start(layout);
    await untilIdle(running);
    const chain = await chainOf(layout.adapters, running.lines.get('t').head);
    const rows = chain.flatMap((manifest) => manifest.rows);
    assert.deepEqual(
      rows.sort(),
      records.map(({ id }) => id),
      `killed at write ${diesAt}`,
    );
    const told = await fates(layout);
    for (const { id } of records) assert.equal(told.get(id)?.kind, 'trained', `killed at write ${diesAt}`);
    const published = (await readAll<VersionEvent>(layout.versions)).map(
      (event) => 'adapter' in event && event.adapter,
    );
    for (const { id } of chain)
      assert.ok(published.includes(id), `version ${id} is told, killed at ${diesAt}`);
    assert.equal((await listAdapters(layout.adapters)).length, chain.length);
  }
});

test('what the gate refuses is dropped with the reason, and the rest goes on', async () => {
  const layout = newLayout();
  await writeRecords(layout, [record(1), record(2, 'u')]);
  const running = await start(
    layout,
    new Fuse(),
    learnWithoutModel((id) => id === 'fb-t-1'),
  );
  await untilIdle(running);
  assert.deepEqual((await fates(layout)).get('fb-t-1'), { kind: 'dropped', reason: 'refused' });
  assert.equal((await fates(layout)).get('fb-u-2')?.kind, 'trained');
});

test('after a rollback the next version is built on what is served, without the rows that were taken back', async () => {
  const layout = newLayout();
  await writeRecords(layout, [record(1)]);
  const running = await start(layout);
  await untilIdle(running);
  const first = running.lines.get('t').head!;
  await writeRecords(layout, [record(2)]);
  await untilIdle(running);
  await serve(layout, { stable: first, rolledBack: [running.lines.get('t').head!] });
  await writeRecords(layout, [record(3)]);
  await untilIdle(running);
  const [newest] = await chainOf(layout.adapters, running.lines.get('t').head);
  assert.deepEqual([newest!.parent, newest!.rows], [first, ['fb-t-3']]);
  assert.match(JSON.stringify((await fates(layout)).get('fb-t-2')), /taken back/);
});

test('an undone row leaves, and what was learned after it is learned again without it', async () => {
  const layout = newLayout();
  const running = await start(layout);
  for (const n of [1, 2, 3]) {
    await writeRecords(layout, [record(n)]);
    await untilIdle(running);
  }
  const [, , clean] = await chainOf(layout.adapters, running.lines.get('t').head);
  await serve(layout, { stable: clean!.id, undone: ['fb-t-2'] });
  await untilIdle(running);
  const chain = await chainOf(layout.adapters, running.lines.get('t').head);
  assert.deepEqual(
    chain.map(({ rows }) => rows),
    [['fb-t-3'], ['fb-t-1']],
  );
  assert.equal(chain[1]!.id, clean!.id);
  assert.match(JSON.stringify((await fates(layout)).get('fb-t-2')), /removed/);
  assert.ok(!running.lines.get('t').replay.some(({ example }) => example.id === 'fb-t-2'));
});

const serveBase = (layout: LearningLayout, base: string, aliases: Partial<TenantAliases>) =>
  writeAliases(layout.aliases, {
    ...noAliases,
    models: { m: { base, tenants: { t: { ...noTenantAliases, ...aliases } } } },
  });

/** Two versions on the first base, the older one merged into the next base. */
async function twoVersions() {
  const layout = newLayout();
  const running = await start(layout);
  const heads: string[] = [];
  for (const n of [1, 2]) {
    await writeRecords(layout, [record(n)]);
    await untilIdle(running);
    heads.push(running.lines.get('t').head!);
  }
  await running.close();
  return { layout, heads, next: { model: onBase('sha256:next'), merged: [heads[0]!] } };
}

const onBase = (version: string): TrainableModel => ({ ...model, version });

test('on a new base, what was learned since the version that is in it is learned again, whenever it is killed', async () => {
  const whole = new Fuse();
  for (let diesAt = 1; diesAt <= Math.max(1, whole.numWrites); diesAt++) {
    const { layout, next } = await twoVersions();
    await serveBase(layout, next.model.version, {});
    if (diesAt === 1) await untilIdle(await start(layout, whole, learnWithoutModel(), next));
    else
      await assert.rejects(async () =>
        untilIdle(await start(layout, new Fuse(diesAt), learnWithoutModel(), next)),
      );
    const running = await start(layout, new Fuse(), learnWithoutModel(), next);
    await untilIdle(running);
    const line = running.lines.get('t');
    const chain = await chainOf(layout.adapters, line.head);
    assert.deepEqual(
      chain.map(({ base, parent, rows }) => [base, parent, rows]),
      [[next.model.version, null, ['fb-t-2']]],
      `killed at write ${diesAt}`,
    );
    assert.deepEqual(line.replay.map(({ example }) => example.id).sort(), ['fb-t-1', 'fb-t-2']);
    assert.deepEqual((await fates(layout)).get('fb-t-2'), { kind: 'trained', version: chain[0]!.id });
  }
  assert.ok(whole.numWrites > 4, String(whole.numWrites));
});

test('back on the base before, learning goes on from what is served there, with nothing learned twice', async () => {
  const { layout, heads, next } = await twoVersions();
  await serveBase(layout, next.model.version, {});
  const there = await start(layout, new Fuse(), learnWithoutModel(), next);
  await untilIdle(there);
  await there.close();
  await serveBase(layout, model.version, { stable: heads[1]! });
  const back = await start(layout);
  await writeRecords(layout, [record(3)]);
  await untilIdle(back);
  const chain = await chainOf(layout.adapters, back.lines.get('t').head);
  assert.deepEqual(
    chain.map(({ rows }) => rows),
    [['fb-t-3'], ['fb-t-2'], ['fb-t-1']],
  );
  assert.equal(chain[1]!.id, heads[1]);
});

test('what was undone on one base is not learned again on another', async () => {
  const { layout } = await twoVersions();
  const other = onBase('sha256:other');
  await serveBase(layout, other.version, { undone: ['fb-t-1'] });
  const running = await start(layout, new Fuse(), learnWithoutModel(), { model: other });
  await untilIdle(running);
  const chain = await chainOf(layout.adapters, running.lines.get('t').head);
  assert.deepEqual(
    chain.map(({ rows }) => rows),
    [['fb-t-2']],
  );
  assert.match(JSON.stringify((await fates(layout)).get('fb-t-1')), /removed/);
  assert.deepEqual(
    running.lines.get('t').replay.map(({ example }) => example.id),
    ['fb-t-2'],
  );
});

test('versions of another shape are not built on: all is learned again in the new one', async () => {
  const { layout } = await twoVersions();
  const wider = { ...model, shape: { ...shape, rank: 16 } };
  const running = await start(layout, new Fuse(), learnWithoutModel(), { model: wider });
  assert.equal(running.lines.get('t').head, null);
  assert.equal(running.lines.get('t').waiting.length, 2);
});

test('a paused trainer takes rows in and learns nothing until it is resumed', async () => {
  const layout = newLayout();
  await writeRecords(layout, [record(1)]);
  await writeAliases(layout.aliases, { ...noAliases, paused: true });
  const running = await start(layout);
  await untilIdle(running);
  assert.equal(running.lines.get('t').waiting.length, 1);
  assert.deepEqual(await listAdapters(layout.adapters), []);
  await writeAliases(layout.aliases, noAliases);
  await untilIdle(running);
  assert.equal((await readAdapter(layout.adapters, running.lines.get('t').head!)).rows.length, 1);
});
