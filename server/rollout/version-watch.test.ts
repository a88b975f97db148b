import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { VersionEvent } from '../../core/registry/learning-layout.ts';
import { VersionWatch } from './version-watch.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-watch-'));
after(() => rmSync(root, { recursive: true }));
const limits = { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 100 };
const waitMs = 5_000;
let numFolders = 0;

const published = (adapter: string): VersionEvent => ({
  type: 'published',
  at: '2026-01-01T00:00:00.000Z',
  adapter,
  model: 'm',
  tenant: 't',
});

/** Tells of versions a and b, the first of which fails `failures` times. Resolves with what was served when b is. */
async function served(failures: number, error: Error): Promise<{ served: string[]; problems: string[] }> {
  const folder = join(root, String(numFolders++));
  const log = await LogWriter.open(folder, limits);
  for (const adapter of ['a', 'b']) await log.append(published(adapter));
  await log.close();
  const [names, problems]: [string[], string[]] = [[], []];
  let left = failures;
  let done = (): void => {};
  const isDone = new Promise<void>((resolve) => {
    done = resolve;
  });
  const watch = await VersionWatch.open({
    log: folder,
    cursor: join(folder, 'cursor.json'),
    retryMs: 1,
    async onEvent(event) {
      const { adapter } = event as Extract<VersionEvent, { type: 'published' }>;
      if (adapter === 'a' && left-- > 0) throw error;
      names.push(adapter);
      if (adapter === 'b') done();
    },
    onProblem: (message) => problems.push(message),
  });
  const timer = setTimeout(done, waitMs);
  await isDone;
  clearTimeout(timer);
  await watch.close();
  return { served: names, problems };
}

test('a version that cannot be served is given up after some tries, and does not hold up the next', async () => {
  const damaged = new MillraceError('version_invalid', { path: 'a', reason: 'it is damaged' });
  const { served: names, problems } = await served(Number.POSITIVE_INFINITY, damaged);
  assert.deepEqual(names, ['b']);
  assert.match(problems.at(-1) ?? '', /given up: .*it is damaged/);
});

test('a version is not given up because the disk is full, however long', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  const { served: names } = await served(9, full);
  assert.deepEqual(names, ['a', 'b']);
});
