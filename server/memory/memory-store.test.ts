import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../core/errors.ts';
import type { MemoryEntry } from './entry.ts';
import { bagOfWords, fakeName } from './fake-embed.ts';
import { type MemoryLimits, MemoryStore } from './memory-store.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-memory-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolder = (): string => join(root, String(numFolders++));

const wide: MemoryLimits = { maxEntries: 10_000, maxPerAccount: 10_000 };

const entryOf = (id: string, change: Partial<MemoryEntry> = {}): MemoryEntry => ({
  id,
  tenant: 'acme',
  account: 'alice',
  model: 'tiny',
  question: `What is ${id}?`,
  context: null,
  answer: `It is ${id}.`,
  source: `fb-${id}`,
  createdMs: 1_000,
  expiresMs: 2_000,
  ...change,
});

const encoded = (text: string) => ({ vector: bagOfWords(text), contextVector: null, encoder: fakeName });
const put = (store: MemoryStore, entry: MemoryEntry): Promise<void> =>
  store.put(entry, encoded(entry.question));
const remove = (store: MemoryStore, tenant: string, id: string): Promise<number> =>
  store.delete(tenant, (entry) => entry.id === id);
const idsOf = (store: MemoryStore, tenant = 'acme'): string[] => [...store.entriesOf(tenant).keys()];
const contentOf = (store: MemoryStore) =>
  ['acme', 'other'].map((tenant) => ({
    revision: store.revisionOf(tenant),
    entries: [...store.entriesOf(tenant).values()],
  }));

async function reopened(folder: string, store: MemoryStore, limits = wide): Promise<MemoryStore> {
  await store.close();
  return MemoryStore.open(folder, limits);
}

test('what was put, edited and deleted is the same after it was opened again', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  await put(store, entryOf('a'));
  await put(store, entryOf('b', { question: 'Where is\nZürich\u2028?', source: null }));
  await put(store, entryOf('c', { tenant: 'other' }));
  await put(store, entryOf('a', { answer: 'Edited.' }));
  assert.equal(await remove(store, 'acme', 'b'), 1);
  assert.equal(await remove(store, 'acme', 'b'), 0);
  assert.equal(await remove(store, 'acme', 'c'), 0, 'another tenant’s');
  const before = contentOf(store);
  assert.deepEqual([idsOf(store), idsOf(store, 'other'), idsOf(store, 'nobody')], [['a'], ['c'], []]);
  const [entry] = store.entriesOf('acme').values();
  assert.equal(entry?.answer, 'Edited.');
  assert.deepEqual(entry?.vector, bagOfWords('What is a?'));
  store = await reopened(folder, store);
  assert.deepEqual(contentOf(store), before);
  await store.close();
});

test('entries of a log that names no encoder are read, and count as another encoder’s', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  await put(store, entryOf('a'));
  await store.close();
  const file = join(folder, '00000001', '00000001.jsonl');
  const lines = readFileSync(file, 'utf8').replace(`,"encoder":"${fakeName}"`, '');
  writeFileSync(file, lines);
  store = await MemoryStore.open(folder, wide);
  const [entry] = store.encodedByOthers(fakeName, 10);
  assert.deepEqual([entry?.id, entry?.encoder], ['a', null]);
  await store.expire(0);
  store = await reopened(folder, store);
  assert.equal(store.encodedByOthers(fakeName, 10).length, 1);
  await store.close();
});

test('a tenant’s revision counts its own changes, over restarts', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  for (const id of ['a', 'b', 'c']) await put(store, entryOf(id));
  await remove(store, 'acme', 'a');
  await remove(store, 'acme', 'a');
  assert.deepEqual([store.revisionOf('acme'), store.revisionOf('other')], [4, 0]);
  await store.expire(0);
  store = await reopened(folder, store);
  assert.equal(store.revisionOf('acme'), 4);
  await store.close();
});

test('an entry is replaced only while it is there', async () => {
  const store = await MemoryStore.open(newFolder(), wide);
  await put(store, entryOf('a'));
  assert.equal(await store.replace(entryOf('a', { answer: 'New.' }), encoded('any')), true);
  const gone = remove(store, 'acme', 'a');
  assert.equal(await store.replace(entryOf('a'), encoded('any')), false);
  await gone;
  assert.equal(await store.replace(entryOf('a', { tenant: 'other' }), encoded('any')), false);
  assert.deepEqual([idsOf(store), idsOf(store, 'other')], [[], []]);
  await store.close();
});

test('whatever is done, at once or not, bounds hold, the oldest go, and the disk says the same', async () => {
  const limits = { maxEntries: 5, maxPerAccount: 3 };
  const step = fc.record({
    kind: fc.constantFrom('put', 'put', 'put', 'delete'),
    id: fc.constantFrom(...'abcdefghij'),
    tenant: fc.constantFrom('acme', 'other'),
    account: fc.constantFrom('alice', 'bob', 'carol'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const folder = newFolder();
      let store = await MemoryStore.open(folder, limits);
      // The same, in the plainest way: a list per tenant, the oldest first.
      const lists: Record<string, { id: string; account: string }[]> = { acme: [], other: [] };
      const without = (tenant: string, id: string) => lists[tenant]!.filter((each) => each.id !== id);
      const changes = steps.map(({ kind, id, tenant, account }) => {
        lists[tenant] = without(tenant, id);
        if (kind === 'delete') return remove(store, tenant, id);
        const own = lists[tenant].filter((each) => each.account === account);
        if (own.length === limits.maxPerAccount) lists[tenant] = without(tenant, own[0]!.id);
        if (lists[tenant].length === limits.maxEntries) lists[tenant].shift();
        lists[tenant].push({ id, account });
        return put(store, entryOf(id, { tenant, account }));
      });
      await Promise.all(changes);
      const check = (): void => {
        for (const tenant of ['acme', 'other']) {
          const entries = [...store.entriesOf(tenant).values()];
          assert.deepEqual(
            entries.map(({ id, account }) => ({ id, account })),
            lists[tenant],
          );
        }
      };
      check();
      store = await reopened(folder, store, limits);
      check();
      await store.close();
    }),
    { numRuns: 25 },
  );
});

test('a bound that became smaller holds from the next entry on', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  for (const id of 'abcdef') await put(store, entryOf(id));
  store = await reopened(folder, store, { maxEntries: 3, maxPerAccount: 2 });
  await put(store, entryOf('g'));
  assert.deepEqual(idsOf(store), ['f', 'g']);
  await store.close();
});

test('what has expired goes, to the millisecond, and what went is not on the disk any more', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  await put(store, entryOf('over', { answer: 'first secret', expiresMs: 5_000 }));
  await put(store, entryOf('there', { expiresMs: 5_001 }));
  await put(store, entryOf('deleted', { answer: 'second secret', tenant: 'other', expiresMs: 9_000 }));
  await remove(store, 'other', 'deleted');
  await store.expire(4_999);
  assert.deepEqual(idsOf(store), ['over', 'there']);
  await store.expire(5_000);
  assert.deepEqual(idsOf(store), ['there']);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const disk = names.filter((name) => statSync(name).isFile()).map((name) => readFileSync(name, 'utf8'));
  assert.ok(disk.some((text) => text.includes('It is there.')));
  assert.ok(!disk.some((text) => text.includes('secret')));
  store = await reopened(folder, store);
  assert.deepEqual(idsOf(store), ['there']);
  await store.close();
});

const generationsIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => /^\d{8}$/.test(name));

test('the log is written anew before it grows beyond what is needed, and changes that come meanwhile are kept', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  const changes = Array.from({ length: 300 }, (_, n) =>
    put(store, entryOf(String(n % 40), { answer: `${n}` })),
  );
  await Promise.all(changes);
  await store.close();
  const [generation, ...others] = generationsIn(folder) as [string, ...string[]];
  assert.deepEqual(others, []);
  assert.ok(Number(generation) > 2, 'several generations');
  const lines = readFileSync(join(folder, generation, '00000001.jsonl'), 'utf8').split('\n');
  assert.ok(lines.length < 200, `${lines.length} lines`);
  store = await MemoryStore.open(folder, wide);
  const answers = [...store.entriesOf('acme').values()].map(({ answer }) => Number(answer));
  assert.deepEqual(
    answers,
    Array.from({ length: 40 }, (_, n) => 260 + n),
  );
  assert.equal(store.revisionOf('acme'), 300);
  await store.close();
});

test('a crash at any moment of writing the log anew leaves the old one or the new one, whole', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  for (const id of 'abc') await put(store, entryOf(id));
  await remove(store, 'acme', 'a');
  const before = contentOf(store);
  const old = newFolder();
  cpSync(folder, old, { recursive: true });
  await store.expire(0);
  await store.close();
  const [next] = generationsIn(folder) as [string];
  const whole = readFileSync(join(folder, next, '00000001.jsonl'), 'utf8');

  for (const length of [0, 1, Math.floor(whole.length / 2), whole.length]) {
    const halfway = newFolder();
    cpSync(old, halfway, { recursive: true });
    mkdirSync(join(halfway, next));
    writeFileSync(join(halfway, next, '00000001.jsonl'), whole.slice(0, length));
    writeFileSync(join(halfway, 'generation.writing'), next);
    store = await MemoryStore.open(halfway, wide);
    assert.deepEqual(contentOf(store), before);
    assert.ok(!existsSync(join(halfway, next)));
    await put(store, entryOf('d'));
    await store.expire(0);
    store = await reopened(halfway, store);
    assert.deepEqual(idsOf(store), ['b', 'c', 'd']);
    await store.close();
  }
  // The new one counts already, the old one is still there.
  cpSync(join(old, '00000001'), join(folder, '00000001'), { recursive: true });
  store = await MemoryStore.open(folder, wide);
  assert.deepEqual(contentOf(store), before);
  assert.deepEqual(generationsIn(folder), [next]);
  await store.close();
});

test('a log that cannot be written anew is told, and no change is lost by it', async () => {
  const folder = newFolder();
  const problems: string[] = [];
  let store = await MemoryStore.open(folder, wide, (problem) => problems.push(problem));
  mkdirSync(join(folder, 'generation.writing'));
  for (let n = 0; n < 130; n++) await put(store, entryOf('a', { answer: String(n) }));
  await store.expire(0);
  assert.equal(problems.length, 2, problems.join('\n'));
  rmSync(join(folder, 'generation.writing'), { recursive: true });
  await put(store, entryOf('b'));
  await store.expire(0);
  assert.equal(problems.length, 2);
  store = await reopened(folder, store);
  assert.deepEqual(
    [...store.entriesOf('acme').values()].map(({ answer }) => answer),
    ['129', 'It is b.'],
  );
  await store.close();
});

test('half a line at the end of the log was never acknowledged, and is gone', async () => {
  const folder = newFolder();
  let store = await MemoryStore.open(folder, wide);
  await put(store, entryOf('a'));
  await store.close();
  appendFileSync(join(folder, '00000001', '00000001.jsonl'), '{"type":"put","entry":{"id":"b"');
  store = await MemoryStore.open(folder, wide);
  await put(store, entryOf('c'));
  store = await reopened(folder, store);
  assert.deepEqual(idsOf(store), ['a', 'c']);
  await store.close();
});

test('more changes than may wait are refused', async () => {
  const store = await MemoryStore.open(newFolder(), wide);
  const changes = Array.from({ length: 1_030 }, () => remove(store, 'acme', 'none'));
  const outcomes = await Promise.allSettled(changes);
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  assert.equal(refused.length, 6);
  for (const { reason } of refused)
    assert.ok(reason instanceof MillraceError && reason.code === 'queue_full');
  await store.close();
});

/** Puts and deletes until it is killed, and says each number once it is durable. */
const child = `
  import { MemoryStore } from ${JSON.stringify(new URL('./memory-store.js', import.meta.url).href)};
  const store = await MemoryStore.open(process.argv.at(-1), ${JSON.stringify(wide)});
  const entry = ${JSON.stringify(entryOf('x'))};
  const encoded = { vector: Float32Array.of(1, 0), contextVector: null, encoder: 'any' };
  for (let n = 0; ; n++) {
    await store.put({ ...entry, id: String(n % 30), answer: String(n) }, encoded);
    process.stdout.write(n + '\\n');
  }
`;

test('no acknowledged change is lost when the process is killed, while the log is written anew or not', async () => {
  const killed = [0, 70].map(async (afterMs) => {
    const folder = newFolder();
    const writer = spawn(process.execPath, ['--input-type=module', '-e', child, folder]);
    let said = '';
    writer.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    // The log is written anew with the changes after the 128th.
    while (said.length < 500) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    writer.kill('SIGKILL');
    await new Promise((resolve) => writer.once('close', resolve));
    const acknowledged = said.split('\n').slice(0, -1).map(Number);
    const last = acknowledged.at(-1)!;
    const store = await MemoryStore.open(folder, wide);
    const answers = new Set([...store.entriesOf('acme').values()].map(({ answer }) => Number(answer)));
    assert.equal(answers.size, 30);
    // One more than was said may have been written.
    const expected = Array.from({ length: 29 }, (_, n) => last - n);
    assert.deepEqual(
      expected.filter((n) => !answers.has(n)),
      [],
    );
    await store.close();
  });
  await Promise.all(killed);
});
