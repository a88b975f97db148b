import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../errors.ts';
import { readLog } from './log-reader.ts';
import { LogWriter } from './log-writer.ts';
import { logStart, type Position, segmentPath } from './segments.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-log-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;
const newFolder = (): string => join(root, String(numFolders++));
const limits = { segmentBytes: 1_000, totalBytes: 1e9, maxPending: 1_000 };

interface Row {
  readonly n: number;
}

const parse = (json: unknown): Row | null =>
  (json as { n?: number }).n === undefined ? null : (json as Row);

async function readAll(folder: string, from: Position = logStart): Promise<number[]> {
  const numbers: number[] = [];
  for (let position = from; ; ) {
    const read = await readLog(folder, position, parse);
    if (read.records.length === 0) return numbers;
    numbers.push(...read.records.map(({ record }) => record.n));
    position = read.position;
  }
}

test('records come back in order, across segments, and from any position on', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  const positions: Position[] = [];
  for (let n = 0; n < 200; n++) positions.push(await writer.append({ n, text: 'ü'.repeat(n % 7) }));
  await writer.close();
  assert.ok(readdirSync(folder).length > 3, 'several segments');
  const all = Array.from({ length: 200 }, (_, n) => n);
  assert.deepEqual(await readAll(folder), all);
  for (const n of [0, 17, 99, 198]) assert.deepEqual(await readAll(folder, positions[n]), all.slice(n + 1));
});

test('records that come at once share flushes and keep their order; a reader sees whole lines while they are written', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, { ...limits, segmentBytes: 1e6 });
  const written = Promise.all(Array.from({ length: 500 }, (_, n) => writer.append({ n })));
  let seen = 0;
  let position = logStart;
  for (let done = false; !done || seen < 500; ) {
    done = await Promise.race([
      written.then(() => true),
      new Promise<boolean>((r) => setTimeout(() => r(false), 1)),
    ]);
    const read = await readLog(folder, position, parse);
    for (const { record } of read.records) assert.equal(record.n, seen++);
    position = read.position;
  }
  await writer.close();
});

test('a torn last line is cut off when the log is opened, and never read', async () => {
  const folder = newFolder();
  const first = await LogWriter.open(folder, limits);
  for (let n = 0; n < 3; n++) await first.append({ n });
  await first.close();
  appendFileSync(segmentPath(folder, 1), '{"n":3,"text":"never ackn');
  assert.deepEqual(await readAll(folder), [0, 1, 2]);
  const second = await LogWriter.open(folder, limits);
  await second.append({ n: 4 });
  await second.close();
  assert.deepEqual(await readAll(folder), [0, 1, 2, 4]);
});

test('a damaged line costs itself alone', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  for (let n = 0; n < 3; n++) await writer.append({ n });
  await writer.close();
  const lines = readFileSync(segmentPath(folder, 1), 'utf8').split('\n');
  writeFileSync(segmentPath(folder, 1), [lines[0], '\u0000garbage', lines[2], ''].join('\n'));
  assert.deepEqual(await readAll(folder), [0, 2]);
});

test('beyond its bound the log drops its oldest segments, and a reader that was there goes on behind them', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, { ...limits, totalBytes: 3_000 });
  for (let n = 0; n < 600; n++) await writer.append({ n });
  await writer.close();
  const kept = await readAll(folder, { segment: 1, offset: 40 });
  assert.ok(kept.length < 600 && kept.length > 100);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, index) => 600 - kept.length + index),
  );
});

test('more than may wait for the disk are refused, with a time to come back', async () => {
  const writer = await LogWriter.open(newFolder(), { ...limits, maxPending: 2 });
  const accepted = [0, 1, 2].map((n) => Promise.resolve().then(() => writer.append({ n })));
  const more = Array.from({ length: 5 }, (_, n) => Promise.resolve().then(() => writer.append({ n })));
  const outcomes = await Promise.allSettled([...accepted, ...more]);
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  assert.ok(refused.length > 0);
  for (const { reason } of refused)
    assert.ok(reason instanceof MillraceError && reason.code === 'queue_full');
  await writer.close();
});

/** Appends numbered records until it is killed, and says each number once it is durable. */
const child = `
  import { LogWriter } from ${JSON.stringify(new URL('./log-writer.js', import.meta.url).href)};
  const [folder, count] = process.argv.slice(-2);
  const writer = await LogWriter.open(folder, ${JSON.stringify({ ...limits, segmentBytes: 20_000, maxPending: 1e6 })});
  for (let n = 0; n < Number(count); n++) {
    const told = writer.append({ n, text: 'x'.repeat(200) }).then(
      () => process.stdout.write(n + '\\n'),
      (error) => process.stdout.write('failed ' + error.code + '\\n'),
    );
    if (n % 3 === 0) await told;
  }
  await writer.close().catch(() => {});
`;

test('whatever was acknowledged is there after the process was killed', async () => {
  for (const killAfterMs of [60, 110, 160]) {
    const folder = newFolder();
    const writer = spawn(process.execPath, ['--input-type=module', '-e', child, folder, '100000']);
    let said = '';
    writer.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    await new Promise<void>((resolve) => writer.stdout.once('data', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, killAfterMs));
    writer.kill('SIGKILL');
    await new Promise((resolve) => writer.once('close', resolve));
    const acknowledged = said.split('\n').slice(0, -1).map(Number);
    const kept = new Set(await readAll(folder));
    assert.ok(acknowledged.length > 10);
    assert.deepEqual(
      acknowledged.filter((n) => !kept.has(n)),
      [],
    );
  }
});

test('a disk that is full fails what it cannot hold, and keeps what it has acknowledged', async (context) => {
  const shell = spawnSync('bash', ['-c', 'true']);
  if (shell.status !== 0) return context.skip('bash is needed to limit the size of files');
  const folder = newFolder();
  // Files may have 8 KiB here; a write beyond that fails in the middle of a line.
  const script = 'ulimit -f 8; trap "" XFSZ; exec "$@"';
  const run = spawnSync('bash', [
    '-c',
    script,
    '-',
    process.execPath,
    '--input-type=module',
    '-e',
    child,
    folder,
    '60',
  ]);
  const lines = run.stdout.toString().trim().split('\n');
  const acknowledged = lines.filter((line) => /^\d+$/.test(line)).map(Number);
  assert.ok(
    acknowledged.length > 5 && lines.some((line) => line.startsWith('failed EFBIG')),
    run.stderr.toString(),
  );
  assert.deepEqual(
    await readAll(folder),
    acknowledged.sort((a, b) => a - b),
  );
});

/** The next flush of the writer runs `meanwhile` when all bytes are in the file, and then fails. */
function failNextFlush(writer: LogWriter, meanwhile: () => Promise<unknown> | unknown): void {
  const inner = writer as unknown as { file: FileHandle };
  const { file } = inner;
  inner.file = {
    appendFile: (bytes: Buffer) => file.appendFile(bytes),
    async datasync() {
      await meanwhile();
      throw Object.assign(new Error('the disk fails'), { code: 'EIO' });
    },
    close: () => file.close(),
  } as unknown as FileHandle;
}

test('a line that was read before it was taken back does not hide the one that comes instead', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  await writer.append({ n: 1 });
  let position = logStart;
  const look = async () => {
    const read = await readLog(folder, position, parse);
    position = read.position;
    return read.records.map(({ record }) => record.n);
  };
  failNextFlush(writer, async () => assert.deepEqual([await look(), await look()], [[1, 2], []]));
  await assert.rejects(writer.append({ n: 2 }), /the disk fails/);
  await writer.append({ n: 3 });
  await writer.close();
  assert.deepEqual(await look(), [3], 'which is as long as the one that was lost');
  assert.deepEqual(await readAll(folder), [1, 3]);
});

test('what cannot even be taken back is no end: the log goes on when the disk does', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  await writer.append({ n: 1 });
  failNextFlush(writer, () => renameSync(folder, `${folder}-away`));
  await assert.rejects(writer.append({ n: 2 }), /the disk fails/);
  await assert.rejects(writer.append({ n: 3 }), /ENOENT/);
  renameSync(`${folder}-away`, folder);
  await writer.append({ n: 4 });
  await writer.close();
  assert.deepEqual(await readAll(folder), [1, 4]);
});

test('a disk that fails again and again leaves no trail of empty segments', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, limits);
  for (let n = 0; n < 20; n++) {
    failNextFlush(writer, () => {});
    await assert.rejects(writer.append({ n }));
  }
  await writer.append({ n: 20 });
  await writer.close();
  assert.deepEqual([await readAll(folder), readdirSync(folder).length], [[20], 1]);
});

test('a reader whose place was taken back begins the segment again, and loses no line', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, { ...limits, segmentBytes: 1e6 });
  for (let n = 0; n < 3; n++) await writer.append({ n, text: 'x'.repeat(30) });
  await writer.close();
  // As if it had read a fourth line that was then cut off, and a longer one written in its place.
  const { position } = await readLog(folder, logStart, parse);
  appendFileSync(segmentPath(folder, 1), `${JSON.stringify({ n: 9, text: 'y'.repeat(200) })}\n`);
  const stale = { ...position, offset: position.offset + 40 };
  assert.deepEqual(await readAll(folder, stale), [0, 1, 2, 9]);
});

test('more lines than one look holds, all of them left out, do not hide those behind them', async () => {
  const folder = newFolder();
  const writer = await LogWriter.open(folder, { ...limits, segmentBytes: 1e9 });
  const strange = Array.from({ length: 400 }, () => writer.append({ strange: 'z'.repeat(1_000) }));
  await Promise.all(strange.concat(writer.append({ n: 7 })));
  await writer.close();
  assert.deepEqual(await readAll(folder), [7]);
});
