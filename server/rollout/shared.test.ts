/** Two servers under the same aliases: what one moves, the other follows, and never before it has it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { servedFile } from '../../core/adapter/served.ts';
import { MillraceError } from '../../core/errors.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { type Aliases, noAliases } from '../../core/registry/aliases.ts';
import { type LearningLayout, learningLayout } from '../../core/registry/learning-layout.ts';
import type { AliasStore } from './alias-store.ts';
import { Rollout } from './rollout.ts';

const base = `sha256:${'a'.repeat(64)}`;
const otherBase = `sha256:${'b'.repeat(64)}`;
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-shared-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** What both share. */
class Shared {
  aliases: Aliases = noAliases;
  isAway = false;
  /** Called before a replacement, as whoever comes in between. */
  between: () => void = () => {};

  readonly store: AliasStore = {
    read: async () => {
      if (this.isAway) throw new MillraceError('engine_unavailable', { reason: 'away', retryAfterMs: 1 });
      return this.aliases;
    },
    replace: async (before, next) => {
      this.between();
      if (before.revision !== this.aliases.revision) return false;
      this.aliases = JSON.parse(JSON.stringify(next)) as Aliases;
      return true;
    },
  };
}

interface Server {
  readonly rollout: Rollout;
  readonly layout: LearningLayout;
  readonly engine: { loaded: string[]; refuses: boolean };
}

async function open(
  name: string,
  shared: Shared,
  options: { leads: boolean; base?: string },
): Promise<Server> {
  const layout = learningLayout(join(root, name));
  const loaded: string[] = [];
  const engine = { loaded, refuses: false };
  const rollout = await Rollout.open({
    layout,
    maxRows: 64,
    now: () => new Date('2026-01-02T03:04:05Z'),
    store: shared.store,
    leads: options.leads,
  });
  await rollout.serve(modelOf(engine, options.base ?? base));
  return { rollout, layout, engine };
}

const modelOf = (engine: Server['engine'], of: string) => ({
  id: 'm',
  base: of,
  shortBase: of.slice(0, 19),
  engine: {
    loadAdapter: async ({ id }: { id: string }) => {
      if (engine.refuses) throw new Error('no memory');
      engine.loaded.push(id);
    },
    dropAdapter: () => {},
  },
});

let count = 0;

/** The same version in the folder of each of the servers; returns its id. */
async function publish(servers: readonly Server[], made: { rows?: string[]; parent?: string } = {}) {
  const files = { [servedFile]: new TextEncoder().encode(`adapter ${++count}`) };
  const lineage = {
    model: 'm',
    tenant: 't',
    base,
    parent: made.parent ?? null,
    rows: made.rows ?? [],
    recipe: { kind: 'feedback' },
    shape: { rank: 8, alpha: 16, firstLayer: 0, targets: ['q' as const] },
    gate: null,
  };
  const ids = await Promise.all(
    servers.map(({ layout }) => publishAdapter(layout.adapters, files, lineage, new Date(0))),
  );
  return ids[0]!.id;
}

const noFetch = async (): Promise<void> => {};
const stableOf = ({ rollout }: Server): Promise<string | null> =>
  rollout.answer({ model: 'm', tenant: 't', stickyKey: 'someone', pin: null }, ({ adapter }) => adapter);

test('a follower serves what was moved once it has adopted it, from its own engine', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const version = await publish([leader, follower]);
  await leader.rollout.promote('m', 't', version);
  assert.equal(await stableOf(follower), null, 'it has heard of nothing');
  assert.deepEqual(await follower.rollout.adopt(shared.aliases, noFetch), []);
  assert.deepEqual(follower.engine.loaded, [version]);
  assert.equal(await stableOf(follower), version);
});

test('files are brought before a version is loaded', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const version = await publish([leader]);
  await leader.rollout.promote('m', 't', version);
  const fetch = async (): Promise<void> => {
    count -= 1;
    assert.equal(await publish([follower]), version);
  };
  assert.deepEqual(await follower.rollout.adopt(shared.aliases, fetch), []);
  assert.equal(await stableOf(follower), version);
});

test('a follower that cannot load a version answers as before and says so, and follows when it can', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const first = await publish([leader, follower]);
  await leader.rollout.promote('m', 't', first);
  await follower.rollout.adopt(shared.aliases, noFetch);
  const second = await publish([leader, follower], { parent: first });
  await leader.rollout.promote('m', 't', second);
  follower.engine.refuses = true;
  const missed = await follower.rollout.adopt(shared.aliases, noFetch);
  assert.deepEqual(
    missed.map(({ tenant }) => tenant),
    ['t'],
  );
  assert.equal(await stableOf(follower), first);
  follower.engine.refuses = false;
  assert.deepEqual(await follower.rollout.adopt(shared.aliases, noFetch), []);
  assert.equal(await stableOf(follower), second);
});

test('what was taken back is not served on, even by who cannot load what it was taken back to', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const first = await publish([leader]);
  const second = await publish([leader, follower]);
  await leader.rollout.promote('m', 't', first);
  await leader.rollout.promote('m', 't', second);
  await follower.rollout.adopt(shared.aliases, noFetch);
  assert.equal(await stableOf(follower), second);
  await leader.rollout.rollback('m', 't');
  const missed = await follower.rollout.adopt(shared.aliases, noFetch);
  assert.equal(missed.length, 1, 'the first one is not in its folder');
  assert.equal(await stableOf(follower), null, 'the base alone');
});

test('nor is what has learned a row that was undone', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const good = await publish([leader]);
  const bad = await publish([leader, follower], { rows: ['r'] });
  await leader.rollout.promote('m', 't', good);
  await leader.rollout.promote('m', 't', bad);
  await follower.rollout.adopt(shared.aliases, noFetch);
  await leader.rollout.undo('m', 't', ['r']);
  await follower.rollout.adopt(shared.aliases, noFetch);
  assert.notEqual(await stableOf(follower), bad);
});

test('a move of a follower is made on what the leader has moved meanwhile, and loses none of it', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const follower = await open('b', shared, { leads: false });
  const version = await publish([leader, follower]);
  await leader.rollout.promote('m', 't', version);
  await follower.rollout.setPaused(true);
  assert.equal(shared.aliases.models.m!.tenants.t!.stable, version);
  assert.equal(shared.aliases.paused, true);
  assert.equal(await stableOf(follower), null, 'still not adopted: it may not be in the engine');
});

test('somebody who comes in between costs a second try, and somebody who always does an error', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const version = await publish([leader]);
  const bump = (): void => {
    shared.aliases = { ...shared.aliases, revision: shared.aliases.revision + 1 };
  };
  shared.between = () => {
    shared.between = () => {};
    bump();
  };
  await leader.rollout.promote('m', 't', version);
  assert.equal(await stableOf(leader), version);
  shared.between = bump;
  await assert.rejects(leader.rollout.setPaused(true), { code: 'aliases_contended' });
});

test('a follower on another base answers with that, and takes the aliases of the new one when it has moved', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const version = await publish([leader]);
  await leader.rollout.promote('m', 't', version);
  const follower = await open('b', shared, { leads: false, base: otherBase });
  assert.equal(shared.aliases.models.m!.base, base, 'it moves nothing');
  assert.deepEqual(await follower.rollout.adopt(shared.aliases, noFetch), []);
  assert.equal(await stableOf(follower), null, 'a version of another base is no version of this one');
  count -= 1;
  await publish([follower]);
  await follower.rollout.serve(modelOf(follower.engine, base));
  assert.equal(await stableOf(follower), version);
});

test('without what is shared the server goes on with what it knows, and moves nothing', async () => {
  const shared = new Shared();
  const leader = await open('a', shared, { leads: true });
  const version = await publish([leader]);
  await leader.rollout.promote('m', 't', version);
  shared.isAway = true;
  assert.equal(await stableOf(leader), version);
  await assert.rejects(leader.rollout.rollback('m', 't'), { code: 'engine_unavailable' });
  assert.equal(await stableOf(leader), version);
});
