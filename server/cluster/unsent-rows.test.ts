import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { logStart, type Position } from '../../core/feedback/segments.ts';
import { createRng } from '../../core/rng.ts';
import { UnsentRows } from './unsent-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-unsent-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const firstMs = Date.parse('2026-01-01T00:00:00.000Z');

interface Row {
  readonly end: Position;
  readonly isOwn: boolean;
  readonly bytes: number;
  readonly atMs: number;
}

/** Rows of this replica and of another one, and what is behind a place by plain counting. */
async function open(segmentBytes: number, seed: number) {
  const folder = join(root, String(numFolders++));
  const writer = await LogWriter.open(folder, { segmentBytes, totalBytes: 1e9, maxPending: 1_000 });
  const rng = createRng(seed);
  const rows: Row[] = [];
  let place = logStart;
  const unsent = new UnsentRows({ log: folder, origin: 'a', sentTo: () => place, pollMs: 5 });
  const isBehind = ({ end }: Row): boolean =>
    end.segment > place.segment || (end.segment === place.segment && end.offset > place.offset);
  return {
    rows,
    unsent,
    async append(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        const atMs = firstMs + 1_000 * rows.length;
        const isOwn = rng.next() < 0.5;
        const record = {
          ...{ id: String(rows.length), receivedAt: new Date(atMs).toISOString() },
          ...(isOwn ? {} : { origin: 'b' }),
          text: 'x'.repeat(Math.floor(300 * rng.next())),
        };
        rows.push({
          end: await writer.append(record),
          isOwn,
          bytes: JSON.stringify(record).length + 1,
          atMs,
        });
      }
    },
    sendTo(index: number): void {
      place = index === 0 ? logStart : rows[index - 1]!.end;
    },
    async agrees(what: string): Promise<void> {
      const own = rows.filter((row) => row.isOwn && isBehind(row));
      const expected = {
        rows: own.length,
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
        oldestMs: own[0]?.atMs ?? null,
      };
      for (const endMs = performance.now() + 5_000; ; ) {
        try {
          assert.deepEqual(unsent.state(), expected, `${what}, seed ${seed}`);
          return;
        } catch (error) {
          if (performance.now() > endMs) throw error;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    },
    async close(): Promise<void> {
      await unsent.close();
      await writer.close();
    },
  };
}

test('what waits is counted as it grows, as it is sent, and again when the stream has lost what was sent', async () => {
  const seed = Date.now() % 1_000_000;
  const log = await open(1e6, seed);
  await log.agrees('nothing');
  await log.append(50);
  await log.agrees('some');
  await log.append(70);
  await log.agrees('more');
  log.sendTo(33);
  await log.agrees('a part was sent');
  log.sendTo(10);
  await log.agrees('a part is sent again');
  log.sendTo(120);
  await log.agrees('all was sent');
  await log.append(5);
  await log.agrees('new ones');
  await log.close();
});

test('over many segments, and sent beyond what was counted', async () => {
  const seed = Date.now() % 1_000_000;
  const log = await open(2_000, seed);
  await log.append(200);
  await log.agrees('all');
  log.sendTo(150);
  await log.agrees('a part');
  await log.append(100);
  log.sendTo(299);
  await log.agrees('all but one');
  await log.close();
});
