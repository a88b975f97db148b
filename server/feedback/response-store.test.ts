import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
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
import { type ResponseLimits, ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-responses-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolder = (): string => join(root, String(numFolders++));

const hourMs = 3_600_000;
const t0 = 1_700_000_000_000;
const limits: ResponseLimits = { keepMs: 24 * hourMs, totalBytes: 1e9, maxResponses: 1_000 };

const responseOf = (id: string, createdMs = t0, text = `answer ${id}`): StoredResponse => ({
  id,
  createdMs,
  tenant: 'acme',
  account: 'key',
  model: 'tiny',
  version: 'v1',
  arm: null,
  conversation: null,
  context: { kind: 'chat', messages: [{ role: 'user', content: `question ${id}` }] },
  answers: [text],
});

const filesIn = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));
const bytesIn = (folder: string): number =>
  filesIn(folder).reduce((sum, path) => sum + statSync(path).size, 0);

test('a response comes back as it was put, to its tenant and to nobody else', async () => {
  const store = await ResponseStore.open(newFolder(), limits, t0);
  await store.put(responseOf('a'), t0);
  assert.deepEqual(await store.get('a', 'acme', t0), responseOf('a'));
  assert.equal(await store.get('a', 'other', t0), null);
  assert.equal(await store.get('a', '', t0), null);
  assert.equal(await store.get('never', 'acme', t0), null);
  await store.close();
});

test('responses that are put at once are all there, and one is seen as soon as it was put', async () => {
  const store = await ResponseStore.open(newFolder(), limits, t0);
  const all = Array.from({ length: 200 }, (_, n) => responseOf(String(n), t0, 'ü'.repeat(n)));
  const puts = all.map((response) => store.put(response, t0));
  assert.deepEqual(await store.get('199', 'acme', t0), all[199], 'a put that was not waited for');
  await Promise.all(puts);
  for (const response of all) assert.deepEqual(await store.get(response.id, 'acme', t0), response);
  await store.close();
});

test('a response is refused from the millisecond on in which it expires, though its segment is there', async () => {
  const folder = newFolder();
  const store = await ResponseStore.open(folder, limits, t0);
  await store.put(responseOf('old', t0), t0);
  await store.put(responseOf('young', t0 + 10), t0 + 10);
  const overMs = t0 + limits.keepMs;
  assert.deepEqual(await store.get('old', 'acme', overMs - 1), responseOf('old', t0));
  assert.equal(await store.get('old', 'acme', overMs), null);
  await store.expire(overMs);
  assert.equal(filesIn(folder).length, 1, 'the segment is still needed');
  assert.notEqual(await store.get('young', 'acme', overMs), null);
  await store.close();
});

test('a segment is deleted when all of it has expired', async () => {
  const folder = newFolder();
  const store = await ResponseStore.open(folder, limits, t0);
  for (const hours of [0, 1, 2])
    await store.put(responseOf(String(hours), t0 + hours * hourMs), t0 + hours * hourMs);
  assert.equal(filesIn(folder).length, 3);
  await store.expire(t0 + hourMs + limits.keepMs);
  assert.equal(filesIn(folder).length, 1);
  assert.equal(store.numResponses, 1);
  await store.expire(t0 + 2 * hourMs + limits.keepMs);
  assert.deepEqual(filesIn(folder), []);
  await store.put(responseOf('next', t0 + 99 * hourMs), t0 + 99 * hourMs);
  assert.notEqual(await store.get('next', 'acme', t0 + 99 * hourMs), null);
  await store.close();
});

test('what a crash left is read again: half a line at the end is lost, a damaged line costs itself alone', async () => {
  const folder = newFolder();
  const store = await ResponseStore.open(folder, limits, t0);
  // A reader of text would take these for the ends of lines.
  const odd = 'one\u2028two\u2029three\rfour';
  for (const id of ['a', 'b', 'c']) await store.put(responseOf(id, t0, odd), t0);
  await store.close();
  const [path] = filesIn(folder) as [string];
  const bytes = readFileSync(path);
  const secondLine = bytes.indexOf(10) + 1;
  bytes.fill(0xff, secondLine + 5, secondLine + 9);
  writeFileSync(path, bytes);
  appendFileSync(path, JSON.stringify(responseOf('torn')).slice(0, -9));

  const again = await ResponseStore.open(folder, limits, t0);
  assert.equal(again.numResponses, 2);
  for (const id of ['a', 'c']) assert.deepEqual(await again.get(id, 'acme', t0), responseOf(id, t0, odd));
  for (const id of ['b', 'torn']) assert.equal(await again.get(id, 'acme', t0), null);
  await again.put(responseOf('d'), t0);
  await again.close();
  const third = await ResponseStore.open(folder, limits, t0);
  for (const id of ['a', 'c', 'd']) assert.notEqual(await third.get(id, 'acme', t0), null);
  await third.close();
});

test('what has expired while the program was away is gone when it comes back', async () => {
  const folder = newFolder();
  const store = await ResponseStore.open(folder, limits, t0);
  await store.put(responseOf('a'), t0);
  await store.close();
  const again = await ResponseStore.open(folder, limits, t0 + limits.keepMs);
  assert.equal(again.numResponses, 0);
  assert.deepEqual(filesIn(folder), []);
});

test('a file that somebody took away makes its responses not found', async () => {
  const folder = newFolder();
  const store = await ResponseStore.open(folder, limits, t0);
  await store.put(responseOf('a'), t0);
  for (const path of filesIn(folder)) rmSync(path);
  assert.equal(await store.get('a', 'acme', t0), null);
  await store.close();
});

test('bytes and number stay within their bounds whatever comes; the newest stay, the oldest go', async () => {
  const puts = fc.array(
    fc.record({ bytes: fc.integer({ min: 0, max: 3_000 }), laterMs: fc.integer({ min: 0, max: hourMs }) }),
    { minLength: 1, maxLength: 40 },
  );
  const bound = { keepMs: 6 * hourMs, totalBytes: 8_000, maxResponses: 12 };
  await fc.assert(
    fc.asyncProperty(puts, fc.nat(39), async (sizes, reopenAt) => {
      const folder = newFolder();
      let store = await ResponseStore.open(folder, bound, t0);
      const all: StoredResponse[] = [];
      let nowMs = t0;
      for (const [n, { bytes, laterMs }] of sizes.entries()) {
        nowMs += laterMs;
        all.push(responseOf(String(n), nowMs, 'x'.repeat(bytes)));
        await store.put(all.at(-1)!, nowMs);
        assert.ok(bytesIn(folder) <= bound.totalBytes, `${bytesIn(folder)} bytes`);
        assert.ok(store.numResponses <= bound.maxResponses);
        if (n !== reopenAt) continue;
        await store.close();
        store = await ResponseStore.open(folder, bound, nowMs);
      }
      const kept: boolean[] = [];
      for (const response of all) {
        const found = await store.get(response.id, 'acme', nowMs);
        kept.push(found !== null);
        if (found === null) continue;
        assert.deepEqual(found, response);
        assert.ok(nowMs < response.createdMs + bound.keepMs);
      }
      assert.ok(kept.at(-1), 'the newest is there');
      assert.deepEqual(kept, [...kept].sort(), 'nothing older than what has gone is there');
      await store.close();
    }),
    { numRuns: 40 },
  );
});

test('a response larger than everything is refused and costs nothing', async () => {
  const store = await ResponseStore.open(newFolder(), { ...limits, totalBytes: 4_000 }, t0);
  await store.put(responseOf('a'), t0);
  await assert.rejects(store.put(responseOf('huge', t0, 'x'.repeat(4_000)), t0));
  assert.notEqual(await store.get('a', 'acme', t0), null);
  await store.close();
});

test('a full disk loses what it cannot hold, and nothing that came before or comes after', (context) => {
  if (spawnSync('bash', ['-c', 'true']).status !== 0)
    return context.skip('bash is needed to limit the size of files');
  // Files may have 8 KiB here; the second response fails in the middle of its line.
  const program = `
    import { ResponseStore } from ${JSON.stringify(new URL('./response-store.js', import.meta.url).href)};
    const [folder, now] = [process.argv[1], ${t0}];
    const response = (id, bytes) => ({ ...${JSON.stringify(responseOf('x'))}, id, answers: ['x'.repeat(bytes)] });
    const store = await ResponseStore.open(folder, ${JSON.stringify(limits)}, now);
    await store.put(response('a', 5000), now);
    const failed = await store.put(response('b', 5000), now).then(() => 'no', ({ code }) => code);
    await store.put(response('c', 1000), now);
    await store.close();
    const again = await ResponseStore.open(folder, ${JSON.stringify(limits)}, now);
    const sizes = [];
    for (const id of ['a', 'b', 'c']) sizes.push((await again.get(id, 'acme', now))?.answers[0].length ?? null);
    console.log(JSON.stringify({ failed, sizes }));
  `;
  const script = 'ulimit -f 8; trap "" XFSZ; exec "$@"';
  const args = ['-c', script, '-', process.execPath, '--input-type=module', '-e', program, newFolder()];
  const { stdout, stderr } = spawnSync('bash', args);
  assert.deepEqual(
    JSON.parse(stdout.toString() || 'null'),
    { failed: 'EFBIG', sizes: [5_000, null, 1_000] },
    stderr.toString(),
  );
});
