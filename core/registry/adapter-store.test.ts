import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sweepUnfinishedAdapters } from './adapter-store.ts';

test('what a process that has ended was writing is swept, what another one writes and what is whole are not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-adapters-'));
  // The parent of this process lives; this one writes nothing when it sweeps.
  const [dead, own, busy] = [999_999_999, process.pid, process.ppid].map((pid) => `.writing-${pid}-1`);
  for (const name of [dead!, own!, busy!, '0123456789ab']) mkdirSync(join(folder, name));
  await sweepUnfinishedAdapters(folder);
  assert.deepEqual(readdirSync(folder).sort(), [busy, '0123456789ab']);
  await sweepUnfinishedAdapters(join(folder, 'missing'));
  rmSync(folder, { recursive: true });
});
