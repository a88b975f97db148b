import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { readConsolidationRequest } from '../../core/learning/consolidation-request.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { noAliases, noTenantAliases, type TenantAliases } from '../../core/registry/aliases.ts';
import { publishBaseVersion, removeBaseVersion } from '../../core/registry/base-versions.ts';
import { type LearningLayout, learningLayout } from '../../core/registry/learning-layout.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { Rollout } from '../rollout/rollout.ts';
import { baseAtStart } from './base-at-start.ts';
import { Bases } from './bases.ts';
import { Consolidation } from './consolidation.ts';
import { serveEvent } from './serve-event.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-bases-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;
let layout: LearningLayout;
let modelsDir: string;
let imported: string;

const engine = { loadAdapter: async () => {}, dropAdapter: () => {} };
const modelOn = (base: string) => ({ id: 'm', base, shortBase: base.slice(0, 19), engine });
const refusedAs = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof MillraceError && error.code === code && text.test(error.message);

/** Adapters that were merged, the tenant of all of them. */
async function publishBase(merged: readonly string[], tenant = 't'): Promise<string> {
  const write = async (folder: string) => {
    writeFileSync(join(folder, 'weights.bin'), `${merged}`);
    const source = {
      format: 'gguf' as const,
      name: 'm',
      ...(merged.length > 0 && { merged: merged.map((adapter) => ({ adapter, tenant })) }),
    };
    return { source, kind: 'decoder', architecture: 'llama', quantization: 'int8' } as const;
  };
  const options = { modelsDir, name: 'm', now: () => new Date(++count), write };
  const manifest = merged.length === 0 ? await publishVersion(options) : await publishBaseVersion(options);
  return manifest!.version;
}

async function publish(
  rows: readonly string[],
  more: { parent?: string; base?: string; tenant?: string } = {},
): Promise<string> {
  const { parent = null, base = imported, tenant = 't' } = more;
  const shape = { rank: 1, alpha: 1, firstLayer: 0, targets: ['q' as const] };
  const lineage = { model: 'm', tenant, base, parent, rows, recipe: { kind: 'feedback' }, shape, gate: null };
  const files = { 'served.safetensors': new TextEncoder().encode(`${++count}`) };
  return (await publishAdapter(layout.adapters, files, lineage, new Date(count))).id;
}

beforeEach(async () => {
  const folder = join(root, String(++count));
  layout = learningLayout(join(folder, 'state'));
  modelsDir = join(folder, 'models');
  mkdirSync(join(folder, 'state'), { recursive: true });
  imported = await publishBase([]);
});

const basesFor = (...tenants: string[]) => new Bases({ modelsDir, adapters: layout.adapters, tenants });

/** Two consolidations, one on top of the other: rows a and b in the first, c in the second. */
async function lineage() {
  const a = await publish(['a']);
  const b = await publish(['b'], { parent: a });
  const first = await publishBase([b]);
  const c = await publish(['c'], { base: first });
  return { b, c, first, second: await publishBase([b, c]) };
}

test('bases are found by their whole id, by the short one, and the imported one by that word', async () => {
  const { first, second } = await lineage();
  const bases = basesFor('t');
  const list = await bases.list('m');
  assert.deepEqual(
    list.map(({ manifest, isImported }) => [manifest.version, isImported]),
    [
      [second, false],
      [first, false],
      [imported, true],
    ],
  );
  for (const text of [first, first.slice(0, 19)]) assert.equal((await bases.find('m', text)).version, first);
  assert.equal((await bases.find('m', 'imported')).version, imported);
  for (const text of [`sha256:${'0'.repeat(64)}`, first.slice(0, 12), 'sha256:', ''])
    await assert.rejects(bases.find('m', text), refusedAs('version_not_found', /./));
});

test('from a base with an unwanted row the way leads to the newest of its ancestors without it', async () => {
  const { first, second } = await lineage();
  const bases = basesFor('t');
  const from = (base: string, ...rows: string[]) => bases.without('m', base, new Set(rows));
  assert.equal(await from(second, 'x'), null);
  assert.equal(await from(second, 'c'), first);
  assert.equal(await from(second, 'a', 'c'), imported, 'rows that its parents have learned are in it too');
  assert.equal(await from(first, 'b'), imported);
  assert.equal(await from(first, 'c'), null);
  assert.equal(await from(imported, 'a'), null);
  await removeBaseVersion(modelsDir, 'm', first);
  assert.equal(await from(second, 'c'), imported);
});

test('an unwanted row may be in what can no longer be looked into', async () => {
  const { second, c } = await lineage();
  rmSync(join(layout.adapters, c), { recursive: true });
  assert.notEqual(await basesFor('t').without('m', second, new Set(['x'])), null);
});

test('a server begins with the base that it served last, unless that is gone, or not for those who ask, or undone', async () => {
  const { first } = await lineage();
  const on = (base: string, aliases: Partial<TenantAliases> = {}) => ({
    ...noAliases,
    models: { m: { base, tenants: { t: { ...noTenantAliases, ...aliases } } } },
  });
  const begin = (aliases: typeof noAliases, ...tenants: string[]) =>
    baseAtStart(aliases, 'm', basesFor(...tenants));
  assert.deepEqual(await begin(on(first), 't'), { version: first, warning: null });
  assert.deepEqual(await begin(on(imported), 'u'), { version: null, warning: null });
  assert.deepEqual(await begin(noAliases, 't'), { version: null, warning: null });
  const cases = [
    [begin(on(`sha256:${'0'.repeat(64)}`), 't'), /it is gone/],
    [begin(on(first), 't', 'u'), /answer u with what t has taught/],
    [begin(on(first, { undone: ['a'] }), 't'), /undone/],
  ] as const;
  for (const [found, warning] of cases) {
    assert.equal((await found).version, null);
    assert.match((await found).warning ?? '', warning);
  }
});

async function asking(options: { tenants?: string[]; afterVersions?: number } = {}) {
  const { tenants = ['t'], afterVersions = 0 } = options;
  const rollout = await Rollout.open({ layout, maxRows: 64, now: () => new Date(0) });
  await rollout.serve(modelOn(imported));
  const bases = basesFor(...tenants);
  const now = () => new Date(0);
  const consolidation = new Consolidation({
    ...{ layout, model: 'm', tenants, rollout, bases, afterVersions, now },
  });
  return { rollout, bases, consolidation };
}

test('a consolidation is asked for once, for what is stable, and durably', async () => {
  const { rollout, consolidation } = await asking();
  await assert.rejects(consolidation.ask('m', 't'), refusedAs('invalid_argument', /no stable version/));
  const adapter = await publish(['a']);
  await rollout.promote('m', 't', adapter);
  const asked = await Promise.allSettled([consolidation.ask('m', 't'), consolidation.ask('m', 't')]);
  assert.deepEqual(asked.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal((await readConsolidationRequest(layout))?.adapter, adapter);
  await assert.rejects(consolidation.ask('m', 't'), refusedAs('invalid_argument', /under way/));
  await assert.rejects(consolidation.ask('other', 't'), refusedAs('invalid_argument', /does not learn/));
});

test('nothing is merged that would answer others', async () => {
  const adapter = await publish(['a']);
  const strangers = await asking({ tenants: ['t', 'u'] });
  await strangers.rollout.promote('m', 't', adapter);
  await assert.rejects(strangers.consolidation.ask('m', 't'), refusedAs('invalid_argument', /: u\.$/));
  const { rollout, consolidation } = await asking();
  await rollout.promote('m', 'v', await publish(['b'], { tenant: 'v' }));
  await assert.rejects(consolidation.ask('m', 't'), refusedAs('invalid_argument', /: v\.$/));
});

test('it asks by itself after so many versions, counted from the last that was merged or refused', async () => {
  const { rollout, consolidation } = await asking({ afterVersions: 3 });
  const isOpen = async (): Promise<boolean> => {
    await consolidation.askWhenDue('m', 't');
    const isAsked = (await readConsolidationRequest(layout)) !== null;
    rmSync(layout.requests, { recursive: true, force: true });
    return isAsked;
  };
  const chain: string[] = [];
  const grow = async () => {
    const parent = chain.at(-1);
    chain.push(await publish([String(chain.length)], parent === undefined ? {} : { parent }));
    await rollout.promote('m', 't', chain.at(-1)!);
    return isOpen();
  };
  assert.deepEqual([await grow(), await grow(), await grow()], [false, false, true]);
  const end = { at: 'now', model: 'm', tenant: 't', adapter: chain[2]!, reason: 'no', checks: [] };
  consolidation.ended({ type: 'base-refused', ...end });
  assert.deepEqual([await grow(), await grow(), await grow()], [false, false, true]);
  await publishBase([chain[4]!]);
  assert.equal(await isOpen(), false, 'one version since the one that is in a base');
});

test('a base is served when it is told of, once, and only while what is in it is still wanted', async () => {
  const { rollout, bases, consolidation } = await asking();
  const moves: string[] = [];
  const notes: string[] = [];
  const baseMoves = {
    to: async (_model: string, version: string) => {
      moves.push(version);
      await rollout.serve(modelOn(version));
    },
    close: async () => {},
  };
  const onSwap = (note: string): void => void notes.push(note);
  const trials = { publish: async () => 'stable' as const };
  const undone: string[] = [];
  const undo = async (_model: string, _tenant: string, rows: readonly string[]): Promise<void> =>
    void undone.push(...rows);
  const makeReady = async (): Promise<void> => {};
  const parts = { layout, rollout, bases, consolidation, baseMoves, trials, makeReady, undo, onSwap };
  const a = await publish(['a']);
  const b = await publish(['b'], { parent: a });
  const version = await publishBase([a]);
  const event = { type: 'base', at: 'now', model: 'm', tenant: 't', adapter: a, version } as const;
  const tell = async (): Promise<string> => {
    await serveEvent(parts, event);
    return notes.splice(0).join();
  };
  assert.match(await tell(), /no longer served/, 'nothing is stable yet');
  await rollout.promote('m', 'u', await publish(['x'], { tenant: 'u' }));
  await rollout.promote('m', 't', b);
  assert.match(await tell(), /answer u/);
  await rollout.promote('m', 'u', null);
  assert.equal(await tell(), '', 'what was learned on top does not matter');
  assert.deepEqual(moves, [version]);
  assert.equal(await tell(), '', 'told twice');
  assert.deepEqual(moves, [version]);
  await rollout.serve(modelOn(imported));
  await rollout.undo('m', 't', ['a']);
  assert.match(await tell(), /no longer served/);
  await rollout.serve(modelOn(await publishBase(['000000000000'])));
  assert.match(await tell(), /another base/);
  assert.deepEqual(moves, [version]);
  await serveEvent(parts, { type: 'planted', at: 'now', model: 'm', tenant: 't', rows: ['p'] });
  assert.deepEqual(undone, ['p'], 'what turned out to be planted is undone');
});
