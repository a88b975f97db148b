import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAll } from '../../core/feedback/log-reader.ts';
import { MirroredLog } from './mirrored-log.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-mirrored-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const optionsOf = (maxKnown: number) => ({
  folder: join(root, String(numFolders++)),
  limits: { segmentBytes: 500, totalBytes: 1e9, maxPending: 1_000 },
  maxKnown,
});

const fate = (n: number, kind = 'queued') => ({
  id: `fb-${n}`,
  at: `2026-11-27T00:00:0${n}Z`,
  state: { kind },
});

async function contentOf(folder: string): Promise<object[]> {
  const lines: object[] = [];
  for await (const { record } of readAll(folder, (json) => json as object)) lines.push(record);
  return lines;
}

test('lines that come again change nothing, within a call, between calls and after a start', async () => {
  const options = optionsOf(100);
  const log = await MirroredLog.open(options);
  assert.equal(await log.append([fate(1), fate(2), fate(1)]), 2);
  assert.equal(await log.append([fate(2), fate(1, 'trained'), fate(3)]), 2);
  await log.close();
  const again = await MirroredLog.open(options);
  assert.equal(await again.append([fate(1), fate(2), fate(1, 'trained'), fate(3), fate(4)]), 1);
  await again.close();
  assert.deepEqual(await contentOf(options.folder), [fate(1), fate(2), fate(1, 'trained'), fate(3), fate(4)]);
});

test('it knows a bounded number of the latest lines', async () => {
  const options = optionsOf(3);
  const log = await MirroredLog.open(options);
  await log.append([fate(1), fate(2), fate(3), fate(4)]);
  assert.equal(await log.append([fate(2), fate(3), fate(4)]), 0);
  assert.equal(await log.append([fate(1)]), 1);
  await log.close();
});
