import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MemoryEntry } from './entry.ts';
import { bagOfWords, fakeEncoder } from './fake-embed.ts';
import { Memory } from './memory.ts';
import { MemoryStore } from './memory-store.ts';
import { ReEncoding } from './re-encoding.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-re-encoding-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const entryOf = (n: number, tenant = 'acme'): MemoryEntry => ({
  id: `mem-${n}`,
  tenant,
  account: 'alice',
  model: 'tiny',
  question: `What does sign ${n} say?`,
  context: n === 0 ? null : `Tell me of harbour ${n}.`,
  answer: `It says ${n}.`,
  source: null,
  createdMs: 0,
  expiresMs: Number.MAX_SAFE_INTEGER,
});

/** The words of a text the other way round: as long as the other encoder's, and just as sure of themselves. */
const oldVectorOf = (text: string): Float32Array => bagOfWords(text).toReversed();

/** Entries of two tenants by the encoder "old". */
async function startWith(numEntries: number) {
  const folder = join(root, String(numFolders++));
  const limits = { maxEntries: 1_000, maxPerAccount: 1_000 };
  const store = await MemoryStore.open(folder, limits);
  for (let n = 0; n < numEntries; n++) {
    const entry = entryOf(n, n % 2 === 0 ? 'acme' : 'other');
    const contextVector = entry.context === null ? null : oldVectorOf(entry.context);
    await store.put(entry, { vector: oldVectorOf(entry.question), contextVector, encoder: 'old' });
  }
  const encoder = fakeEncoder();
  const problems: string[] = [];
  const thresholds = { similarity: 0.8, namedSimilarity: 0.5 };
  const memory = new Memory({
    ...{ store, thresholds, embed: encoder.embed, encoder: 'new' },
    ...{ ttlMs: 1e9, maxWaitMs: 100, now: () => 1 },
  });
  const begin = (): ReEncoding =>
    new ReEncoding({
      ...{ store, embed: encoder.embed, encoder: 'new', retryMs: 1 },
      onProblem: (problem) => problems.push(problem),
    });
  const reopen = async (): Promise<MemoryStore> => {
    await store.close();
    return MemoryStore.open(folder, limits);
  };
  return { store, encoder, problems, memory, begin, reopen };
}

const answerTo = async (memory: Memory, content: string): Promise<string | null> =>
  (await memory.recall('acme', 'tiny', [{ role: 'user', content }]))?.entry.answer ?? null;

test('an entry of another encoder matches nothing until it is encoded again, and then its own question', async () => {
  const { store, memory, begin } = await startWith(1);
  assert.equal(await answerTo(memory, 'What does sign 0 say?'), null);
  await begin().ended;
  assert.equal(await answerTo(memory, 'What does sign 0 say?'), 'It says 0.');
  await store.close();
});

test('all tenants’ entries are encoded again, a few at a time, in their order, and stay so on the disk', async () => {
  const { store, encoder, begin, reopen } = await startWith(21);
  const before = [...store.entriesOf('acme').keys()];
  const revision = store.revisionOf('acme');
  const sizes: number[] = [];
  const { embed } = encoder;
  Object.assign(encoder, {
    embed: (texts: readonly string[], options: object) => {
      sizes.push(texts.length);
      return embed(texts, options);
    },
  });
  await begin().ended;
  assert.ok(sizes.every((size) => size <= 8) && sizes.length >= 6, sizes.join());
  const again = await reopen();
  assert.deepEqual([...again.entriesOf('acme').keys()], before);
  assert.equal(again.revisionOf('acme'), revision);
  for (const tenant of ['acme', 'other'])
    for (const { encoder: by, vector, before, question, context } of again.entriesOf(tenant).values()) {
      assert.deepEqual([by, vector], ['new', bagOfWords(question)]);
      assert.deepEqual(before?.vector ?? null, context === null ? null : bagOfWords(context));
    }
  assert.deepEqual(again.encodedByOthers('new', 100), []);
  await again.close();
});

test('what changes or goes while it is encoded again is left as it is then', async () => {
  const { store, encoder, begin } = await startWith(3);
  encoder.delayMs = 50;
  const running = begin();
  const edited = { ...entryOf(0), question: 'Who is Ada?' };
  await store.replace(edited, { vector: bagOfWords('another'), contextVector: null, encoder: 'new' });
  await store.delete('acme', ({ id }) => id === 'mem-2');
  await running.ended;
  const [entry, ...rest] = store.entriesOf('acme').values();
  assert.deepEqual([entry?.question, entry?.vector, rest], ['Who is Ada?', bagOfWords('another'), []]);
  assert.equal(store.entriesOf('other').get('mem-1')?.encoder, 'new');
  await store.close();
});

test('an encoder that is not there is asked again, a bounded number of times, and then it is told', async () => {
  const { store, encoder, problems, begin } = await startWith(2);
  encoder.failure = new Error('gone');
  const running = begin();
  await running.ended;
  assert.equal(encoder.texts.length, 30, 'two questions and what one of them leans on, ten times');
  assert.match(problems.join(), /until the next start: gone/);
  const second = begin();
  encoder.failure = null;
  await second.ended;
  assert.deepEqual(store.encodedByOthers('new', 10), []);
  assert.equal(problems.length, 1);
  await store.close();
});

test('closing it ends the work at once, whatever the encoder does', async () => {
  const { store, encoder, problems, begin } = await startWith(2);
  encoder.delayMs = 2_000;
  const startedMs = performance.now();
  const running = begin();
  await running.close();
  assert.ok(performance.now() - startedMs < 1_000);
  assert.deepEqual(problems, []);
  assert.equal(store.encodedByOthers('new', 10).length, 2);
  await store.close();
});
