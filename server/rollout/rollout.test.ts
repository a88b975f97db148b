import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { servedFile } from '../../core/adapter/served.ts';
import { createDeferred } from '../../core/deferred.ts';
import { MillraceError } from '../../core/errors.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import type { Aliases } from '../../core/registry/aliases.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type AdapterSource, NoAdapterRoomError } from '../batching/engine.ts';
import { Rollout, type Route } from './rollout.ts';
import type { Pin } from './version-id.ts';
import type { AliasMove } from './watched-move.ts';

const base = `sha256:${'a'.repeat(64)}`;
const shortBase = 'sha256:aaaaaaaaaaaa';
const otherBase = `sha256:${'b'.repeat(64)}`;
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-rollout-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Notes what it is told, and can be made slow, full or unwilling. */
class Engine {
  readonly loaded: string[] = [];
  readonly dropped: string[] = [];
  refusal: string | null = null;
  /** Adapters that it has room for. */
  room = Number.POSITIVE_INFINITY;
  /** Waited for before a load is done. */
  loading: Promise<void> = Promise.resolve();

  async loadAdapter({ id }: AdapterSource): Promise<void> {
    await this.loading;
    if (this.loaded.length - this.dropped.length >= this.room) {
      throw new NoAdapterRoomError();
    }
    if (this.refusal !== null) throw new MillraceError('engine_internal', { reason: this.refusal });
    this.loaded.push(id);
  }

  dropAdapter(id: string): void {
    this.dropped.push(id);
  }
}

async function open(engine: Engine, maxRows = 64, onMove?: (move: AliasMove) => void): Promise<Rollout> {
  const layout = learningLayout(root);
  const rollout = await Rollout.open({
    layout,
    maxRows,
    now: () => new Date('2026-01-02T03:04:05Z'),
    onMove,
  });
  await rollout.serve({ id: 'm', base, shortBase, engine });
  return rollout;
}

interface Made {
  readonly parent?: string | null;
  readonly rows?: readonly string[];
  readonly tenant?: string;
  readonly base?: string;
}

let count = 0;

async function publish(made: Made = {}): Promise<string> {
  const bytes = new TextEncoder().encode(`adapter ${++count}`);
  const lineage = {
    model: 'm',
    tenant: made.tenant ?? 't',
    base: made.base ?? base,
    parent: made.parent ?? null,
    rows: made.rows ?? [],
    recipe: { kind: 'feedback' },
    shape: { rank: 8, alpha: 16, firstLayer: 0, targets: ['q' as const] },
    gate: null,
  };
  const { id } = await publishAdapter(
    learningLayout(root).adapters,
    { [servedFile]: bytes },
    lineage,
    new Date(count),
  );
  return id;
}

const resolved = (rollout: Rollout, tenant: string, stickyKey: string, pin: Pin | null): Promise<Route> =>
  rollout.answer({ model: 'm', tenant, stickyKey, pin }, (route) => route);
const route = async (rollout: Rollout, tenant = 't', key = 'k') =>
  (await resolved(rollout, tenant, key, null)).adapter;
const aliasesOnDisk = (): Aliases => JSON.parse(readFileSync(learningLayout(root).aliases, 'utf8'));
const refusedAs = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

test('a tenant without versions is answered by the base, and the version says so', async () => {
  const rollout = await open(new Engine());
  assert.deepEqual(await resolved(rollout, 't', 'k', null), {
    adapter: null,
    version: shortBase,
    arm: 'stable',
  });
});

test('a promoted version is in the engine before it answers, and answers its tenant alone', async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const id = await publish();
  await rollout.promote('m', 't', id);
  assert.deepEqual(engine.loaded, [id]);
  assert.deepEqual(await resolved(rollout, 't', 'k', null), {
    adapter: id,
    version: `${shortBase}+${id}`,
    arm: 'stable',
  });
  assert.equal(await route(rollout, 'other'), null);
  assert.equal(aliasesOnDisk().models.m?.tenants.t?.stable, id);
});

test('what the engine does not take is not promoted', async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const [good, bad] = [await publish(), await publish()];
  await rollout.promote('m', 't', good);
  engine.refusal = 'it does not fit';
  await assert.rejects(rollout.promote('m', 't', bad), refusedAs('engine_internal'));
  assert.equal(await route(rollout), good);
});

test('a version that was made elsewhere is brought here before it is promoted; what cannot be had is not asked of the engine', async () => {
  const layout = learningLayout(root);
  const id = await publish();
  const elsewhere = join(root, 'elsewhere');
  renameSync(join(layout.adapters, id), elsewhere);
  const brought: string[] = [];
  const bring = async (adapter: string): Promise<void> => {
    brought.push(adapter);
    if (adapter !== id) throw new MillraceError('version_not_found', { version: adapter });
    renameSync(elsewhere, join(layout.adapters, id));
  };
  const engine = new Engine();
  const rollout = await Rollout.open({ layout, maxRows: 64, now: () => new Date(), bring });
  await rollout.serve({ id: 'm', base, shortBase, engine });
  await rollout.promote('m', 't', id);
  assert.equal(await route(rollout), id);
  for (const other of ['0123456789ab', '../aliases']) {
    await assert.rejects(rollout.promote('m', 't', other), refusedAs('version_not_found'), other);
  }
  assert.deepEqual(brought, [id, '0123456789ab']);
  assert.deepEqual(engine.loaded, [id]);
});

test("another tenant's, unknown and damaged versions are refused", async () => {
  const rollout = await open(new Engine());
  const foreign = await publish({ tenant: 'other' });
  const foreignAndOld = await publish({ tenant: 'other', base: otherBase });
  const damaged = await publish();
  writeFileSync(join(learningLayout(root).adapters, damaged, servedFile), 'adapter X');
  for (const id of [foreign, foreignAndOld, '0123456789ab', 'x', '../aliases']) {
    await assert.rejects(rollout.promote('m', 't', id), refusedAs('version_not_found'), id);
  }
  await assert.rejects(rollout.promote('m', 't', damaged), refusedAs('version_invalid'));
  await assert.rejects(
    resolved(rollout, 't', 'k', { base: null, adapter: foreign }),
    refusedAs('version_not_found'),
  );
});

test("a version of the tenant's own that needs another base is refused with the way out", async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const old = await publish({ base: otherBase });
  for (const asked of [
    () => rollout.promote('m', 't', old),
    () => resolved(rollout, 't', 'k', { base: null, adapter: old }),
  ]) {
    await assert.rejects(asked(), (error: unknown) => {
      assert.ok(error instanceof MillraceError && error.code === 'base_replaced');
      assert.match(error.message, new RegExp(`${old}.*sha256:bbbbbbbbbbbb,.*${shortBase}.*Train it again`));
      assert.match(error.message, /millrace versions base sha256:bbbbbbbbbbbb\.$/);
      return true;
    });
  }
  assert.deepEqual(engine.loaded, []);
  await rollout.serve({ id: 'm', base: otherBase, shortBase: 'sha256:bbbbbbbbbbbb', engine });
  assert.equal((await resolved(rollout, 't', 'k', { base: null, adapter: old })).adapter, old);
});

test('rolling back goes the way back, version by version, down to the base', async () => {
  const rollout = await open(new Engine());
  const ids = [await publish(), await publish(), await publish()];
  for (const id of ids) await rollout.promote('m', 't', id);
  for (const expected of [ids[1], ids[0], null]) {
    assert.equal((await rollout.rollback('m', 't')).stable, expected);
    assert.equal(await route(rollout), expected);
  }
  await assert.rejects(rollout.rollback('m', 't'), refusedAs('invalid_argument'));
  assert.deepEqual([...rollout.of('m', 't').rolledBack].sort(), [...ids].sort());
});

test('a canary gets its share of the conversations, each stays with its version, and a rollback ends it', async () => {
  const rollout = await open(new Engine());
  const [stable, canary] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  await rollout.setCanary('m', 't', { adapter: canary, share: 0.2 });
  const keys = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);
  const first = await Promise.all(keys.map((key) => route(rollout, 't', key)));
  const again = await Promise.all(keys.map((key) => route(rollout, 't', key)));
  assert.deepEqual(again, first);
  const numCanary = first.filter((id) => id === canary).length;
  // Four standard deviations of a binomial share.
  assert.ok(
    Math.abs(numCanary / keys.length - 0.2) < 4 * Math.sqrt((0.2 * 0.8) / keys.length),
    String(numCanary),
  );
  assert.equal((await rollout.rollback('m', 't')).stable, stable);
  assert.ok((await Promise.all(keys.map((key) => route(rollout, 't', key)))).every((id) => id === stable));
});

test('a pinned request is answered by its version, whatever is stable', async () => {
  const rollout = await open(new Engine());
  const [old, stable] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  const pinned = async (pin: { base: string | null; adapter: string | null }) =>
    (await resolved(rollout, 't', 'k', pin)).adapter;
  assert.equal(await pinned({ base: null, adapter: old }), old);
  assert.equal(await pinned({ base: shortBase, adapter: null }), null);
  await assert.rejects(
    pinned({ base: 'sha256:bbbbbbbbbbbb', adapter: null }),
    refusedAs('version_not_found'),
  );
});

test('the longest unused versions make room in the engine', async () => {
  const engine = new Engine();
  const rollout = await open(engine, 16);
  const ids = [await publish(), await publish({ tenant: 'u' }), await publish({ tenant: 'v' })];
  await rollout.promote('m', 't', ids[0]!);
  await rollout.promote('m', 'u', ids[1]!);
  await route(rollout, 't');
  await rollout.promote('m', 'v', ids[2]!);
  assert.deepEqual(engine.dropped, [ids[1]]);
  assert.equal(await route(rollout, 'u'), ids[1]);
  assert.deepEqual(engine.loaded, [...ids, ids[1]]);
});

test('after an undo nothing is served that has learned the row, or was built on it', async () => {
  const rollout = await open(new Engine());
  const clean = await publish({ rows: ['a'] });
  const bad = await publish({ rows: ['b'], parent: clean });
  const later = await publish({ rows: ['c'], parent: bad });
  for (const id of [clean, bad, later]) await rollout.promote('m', 't', id);
  const aliases = await rollout.undo('m', 't', ['b']);
  assert.equal(aliases.stable, clean);
  assert.ok(!aliases.previous.includes(bad));
  assert.equal(await rollout.isWanted('m', 't', later), false);
  const rebuilt = await publish({ rows: ['c'], parent: clean });
  assert.equal(await rollout.isWanted('m', 't', rebuilt), true);
  await rollout.promote('m', 't', rebuilt);
  assert.equal((await rollout.rollback('m', 't')).stable, clean);
});

test('a restart finds everything where it was', async () => {
  const rollout = await open(new Engine());
  const [first, second] = [await publish(), await publish()];
  await rollout.promote('m', 't', first);
  await rollout.promote('m', 't', second, { pinned: true });
  await rollout.setPaused(true);
  const engine = new Engine();
  const again = await open(engine);
  assert.deepEqual(again.of('m', 't'), rollout.of('m', 't'));
  assert.ok(again.isPaused && again.of('m', 't').pinned);
  assert.deepEqual(engine.loaded, [second], 'the stable version is loaded before the first request');
});

test('on a new base every tenant begins with the base, and what was undone stays undone', async () => {
  const rollout = await open(new Engine());
  const id = await publish({ rows: ['a'] });
  await rollout.promote('m', 't', id);
  await rollout.undo('m', 't', ['z']);
  await rollout.serve(onOther());
  assert.equal(await route(rollout), null);
  assert.deepEqual(rollout.of('m', 't').undone, ['z']);
  await assert.rejects(rollout.promote('m', 't', id), refusedAs('base_replaced'));
});

const other = `sha256:${'c'.repeat(64)}`;
const onOther = (engine = new Engine()) => ({
  id: 'm',
  base: other,
  shortBase: 'sha256:cccccccccccc',
  engine,
});
const onFirst = (engine = new Engine()) => ({ id: 'm', base, shortBase, engine });

test('back on a base that was served before, every tenant goes on from where it stood', async () => {
  const rollout = await open(new Engine());
  const [first, second] = [await publish(), await publish()];
  await rollout.promote('m', 't', first);
  await rollout.promote('m', 't', second);
  await rollout.serve(onOther());
  const there = await publish({ base: other });
  await rollout.promote('m', 't', there);
  const engine = new Engine();
  await rollout.serve(onFirst(engine));
  assert.equal(await route(rollout), second);
  assert.deepEqual(engine.loaded, [second], 'it is in the engine before the first request');
  assert.equal((await rollout.rollback('m', 't')).stable, first);
  await rollout.serve(onOther());
  assert.equal(await route(rollout), there);
  const restarted = await Rollout.open({ layout: learningLayout(root), maxRows: 64, now: () => new Date() });
  await restarted.serve(onFirst());
  assert.equal(await route(restarted), first, 'a restart forgets none of it');
});

test('what was undone on one base is not served on the base that is gone back to', async () => {
  const rollout = await open(new Engine());
  const clean = await publish({ rows: ['a'] });
  const dirty = await publish({ rows: ['b'], parent: clean });
  for (const id of [clean, dirty]) await rollout.promote('m', 't', id);
  await rollout.serve(onOther());
  await rollout.undo('m', 't', ['b']);
  const engine = new Engine();
  await rollout.serve(onFirst(engine));
  assert.equal(await route(rollout), clean);
  assert.deepEqual(engine.loaded, [clean], 'the other one never gets near the engine');
  assert.ok(!rollout.of('m', 't').previous.includes(dirty));
  assert.equal(await rollout.isWanted('m', 't', dirty), false);
});

test('of the bases that were left, the oldest are forgotten', async () => {
  const rollout = await open(new Engine());
  await rollout.promote('m', 't', await publish());
  for (const digit of '123456') {
    const shortBase = `sha256:${digit.repeat(12)}`;
    await rollout.serve({ id: 'm', base: `sha256:${digit.repeat(64)}`, shortBase, engine: new Engine() });
  }
  const earlier = Object.keys(aliasesOnDisk().models.m!.earlier!);
  assert.deepEqual(
    earlier,
    [...'12345'].map((digit) => `sha256:${digit.repeat(64)}`),
  );
});

test('requests are routed within the new base from the very moment that the server is told', async () => {
  const rollout = await open(new Engine());
  const id = await publish();
  await rollout.promote('m', 't', id);
  const answers: Promise<string>[] = [];
  const ask = () => answers.push(resolved(rollout, 't', 'k', null).then(({ version }) => version));
  ask();
  let onDisk = '';
  await rollout.serve(onOther(), () => {
    ask();
    onDisk = aliasesOnDisk().models.m!.base;
  });
  assert.deepEqual(await Promise.all(answers), [`${shortBase}+${id}`, 'sha256:cccccccccccc']);
  assert.equal(onDisk, other, 'and it is on disk by then');
});

test('a version made ready on one base never becomes an alias on the next', async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const id = await publish();
  const loading = createDeferred<void>();
  engine.loadAdapter = () => loading.promise;
  const promoting = rollout.promote('m', 't', id);
  await rollout.serve(onOther());
  loading.resolve();
  await assert.rejects(promoting, refusedAs('version_not_found'));
  assert.equal(rollout.of('m', 't').stable, null);
  assert.equal(await rollout.isWanted('m', 't', id), false);
});

test('moves that come at once are made one after the other, and none is lost', async () => {
  const rollout = await open(new Engine());
  const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => publish({ tenant: `t${index}` })));
  await Promise.all(ids.map((id, index) => rollout.promote('m', `t${index}`, id)));
  for (const [index, id] of ids.entries()) assert.equal(await route(rollout, `t${index}`), id);
  assert.equal(Object.keys(aliasesOnDisk().models.m!.tenants).length, 8);
});

test('a version on its way into the engine is not dropped for another one, which waits for room instead', async () => {
  const engine = new Engine();
  engine.room = 1;
  const rollout = await open(engine, 8);
  const first = await publish();
  const second = await publish({ tenant: 'u' });
  const { promise, resolve } = createDeferred<void>();
  engine.loading = promise;
  const promoted = [rollout.promote('m', 't', first), rollout.promote('m', 'u', second)];
  await new Promise((turn) => setTimeout(turn, 20));
  assert.deepEqual(engine.dropped, []);
  resolve();
  await Promise.all(promoted);
  assert.deepEqual([[...engine.loaded].sort(), engine.dropped.length], [[first, second].sort(), 1]);
});

test('many requests for a version that is not in the engine yet load it once', async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const id = await publish();
  const pin = { base: null, adapter: id };
  await Promise.all(Array.from({ length: 8 }, () => resolved(rollout, 't', 'k', pin)));
  assert.deepEqual(engine.loaded, [id]);
});

test('an undo that comes while a version is made ready keeps that version from being served', async () => {
  const engine = new Engine();
  const rollout = await open(engine);
  const id = await publish({ rows: ['a'] });
  const { promise, resolve } = createDeferred<void>();
  engine.loading = promise;
  const refused = [
    assert.rejects(rollout.promote('m', 't', id), refusedAs('version_not_found')),
    assert.rejects(rollout.setCanary('m', 't', { adapter: id, share: 0.5 }), refusedAs('version_not_found')),
  ];
  await rollout.undo('m', 't', ['a']);
  resolve();
  await Promise.all(refused);
  assert.equal(await route(rollout), null);
});

test('after an undo a version whose ancestors cannot be read is not served', async () => {
  const rollout = await open(new Engine());
  const parent = await publish();
  const child = await publish({ parent });
  await rollout.promote('m', 't', child);
  rmSync(join(learningLayout(root).adapters, parent), { recursive: true });
  const { stable, previous } = await rollout.undo('m', 't', ['z']);
  assert.deepEqual([stable, previous.includes(child)], [null, false]);
});

test('every move that changes what is served is told, and every one that failed', async () => {
  const moves: AliasMove[] = [];
  const engine = new Engine();
  const rollout = await open(engine, 64, (move) => void moves.push(move));
  const first = await publish();
  const second = await publish({ parent: first, rows: ['r'] });
  await rollout.promote('m', 't', first);
  await rollout.promote('m', 't', first);
  await rollout.setCanary('m', 't', { adapter: second, share: 0.5 });
  await rollout.conclude('m', 't', second, 'promote');
  await rollout.undo('m', 't', ['r']);
  await rollout.rollback('m', 't');
  await assert.rejects(rollout.promote('m', 't', '0123456789ab'), refusedAs('version_not_found'));
  const served = (of: AliasMove['after']) => [of.stable, of.canary];
  assert.deepEqual(
    moves.map(({ verb, before, after, error }) => [verb, served(before), served(after), error === null]),
    [
      ['promote', [null, null], [first, null], true],
      ['canary', [first, null], [first, second], true],
      ['conclude', [first, second], [second, null], true],
      ['undo', [second, null], [first, null], true],
      ['rollback', [first, null], [null, null], true],
      ['promote', [null, null], [null, null], false],
    ],
  );
});
