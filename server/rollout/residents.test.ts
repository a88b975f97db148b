import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createDeferred } from '../../core/deferred.ts';
import { MillraceError } from '../../core/errors.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type AdapterSource, NoAdapterRoomError } from '../batching/engine.ts';
import { publishFake } from './fake-versions.ts';
import { Residents } from './residents.ts';

const rank = 8;
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-residents-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Has room for so many adapters, and refuses more. */
class Engine {
  readonly loaded: string[] = [];
  room: number;
  loading: Promise<void> = Promise.resolve();
  readonly inside = new Set<string>();

  constructor(room: number) {
    this.room = room;
  }

  async loadAdapter({ id }: AdapterSource): Promise<void> {
    await this.loading;
    if (this.inside.has(id)) return;
    if (this.inside.size >= this.room) throw new NoAdapterRoomError();
    this.inside.add(id);
    this.loaded.push(id);
  }

  dropAdapter(id: string): void {
    this.inside.delete(id);
  }
}

function open(engine: Engine, options: { readonly numRows?: number; readonly maxWaitMs?: number } = {}) {
  const { numRows = engine.room * rank, ...others } = options;
  return new Residents({ engine, folder: learningLayout(root).adapters, maxRows: numRows, ...others });
}

const publish = (tenant = 't') =>
  publishFake(learningLayout(root), { model: 'm', tenant, base: `sha256:${'a'.repeat(64)}` });
const refusedAs = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('more tenants than adapters fit, all active: each request has its adapter from its beginning to its end', async () => {
  const engine = new Engine(2);
  const residents = open(engine);
  const ids = await Promise.all(Array.from({ length: 5 }, () => publish()));
  const served = new Map<string, number>();
  const ask = (id: string) =>
    residents.during(id, async () => {
      assert.ok(engine.inside.has(id), 'it is there when the request begins');
      await pause(3);
      assert.ok(engine.inside.has(id), 'and when it ends');
      served.set(id, (served.get(id) ?? 0) + 1);
    });
  // Two clients each, so that no adapter is ever unused by itself.
  const client = async (id: string) => {
    for (let n = 0; n < 10; n++) await ask(id);
  };
  await Promise.all([...ids, ...ids].map(client));
  assert.deepEqual([...served.values()], Array(5).fill(20));
});

test('where requests in use hold all room for longer than one may wait, a request is told to come again', async () => {
  const engine = new Engine(1);
  const residents = open(engine, { maxWaitMs: 60 });
  const [held, wanted, behind] = [await publish(), await publish(), await publish()];
  const answer = createDeferred<void>();
  const long = residents.during(held, () => answer.promise);
  await pause(10);
  const startMs = performance.now();
  const late = [wanted, behind].map((id) => residents.during(id, () => assert.fail('it has no room')));
  for (const each of late) {
    await assert.rejects(each, (error: unknown) => {
      assert.ok(refusedAs('adapters_busy')(error));
      assert.equal((error as MillraceError).details.retryAfterMs, 1_000);
      return true;
    });
  }
  assert.ok(performance.now() - startMs < 1_000, 'who stands behind in the line waits no longer');
  assert.equal(await residents.during(held, () => 'served'), 'served');
  answer.resolve();
  await long;
  assert.equal(await residents.during(wanted, () => 'served'), 'served', 'the room is free by then');
});

test('of what is unused the longest unused goes, also where something older is in use', async () => {
  const engine = new Engine(3);
  const residents = open(engine);
  const [oldest, older, newer, next] = await Promise.all(Array.from({ length: 4 }, () => publish()));
  const answer = createDeferred<void>();
  const long = residents.during(oldest!, () => answer.promise);
  for (const id of [older, newer, next]) await residents.during(id!, () => {});
  assert.deepEqual([...engine.inside].sort(), [oldest, newer, next].sort());
  answer.resolve();
  await long;
});

test('where what is free is in pieces that are too small, more is dropped', async () => {
  const engine = new Engine(1);
  // By its rows alone a second one would fit.
  const residents = open(engine, { numRows: 2 * rank });
  const [first, second] = [await publish(), await publish()];
  for (const id of [first, second, first]) assert.equal(await residents.during(id, () => id), id);
  assert.deepEqual(engine.loaded, [first, second, first]);
});

test('an adapter larger than the engine has room for is refused at once, with what to change', async () => {
  const engine = new Engine(1);
  const residents = open(engine, { numRows: rank - 1 });
  const id = await publish();
  await assert.rejects(
    residents.during(id, () => {}),
    (error: unknown) => {
      assert.ok(refusedAs('version_invalid')(error));
      assert.match((error as Error).message, /its rank is 8, and engine\.maxAdapterRows is 7/);
      return true;
    },
  );
});

test('an adapter that comes too late takes no room', async () => {
  const engine = new Engine(1);
  const residents = open(engine, { maxWaitMs: 30 });
  const [late, next] = [await publish(), await publish()];
  const loading = createDeferred<void>();
  engine.loading = loading.promise;
  await assert.rejects(
    residents.during(late, () => {}),
    refusedAs('engine_unavailable'),
  );
  loading.resolve();
  assert.equal(await residents.during(next, () => 'served'), 'served');
  assert.deepEqual([...engine.inside], [next]);
});

test('an answer that fails leaves its adapter unused', async () => {
  const engine = new Engine(1);
  const residents = open(engine, { maxWaitMs: 100 });
  const [first, second] = [await publish(), await publish()];
  await assert.rejects(
    residents.during(first, () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.equal(await residents.during(second, () => 'served'), 'served');
});
