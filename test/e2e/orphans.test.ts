/** Processes whose parent goes away while they are still loading, and so before they listen. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { repoRoot } from '../root.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-orphans-'));
after(() => rmSync(root, { recursive: true, force: true }));
const waitMs = 30_000;

for (const entry of [
  'server/models/engine-host.js',
  'server/models/batch-host.js',
  'trainer/main.js',
  'trainer/consolidate/consolidation-process.js',
]) {
  test(`${entry} ends when nobody is there any more by the time it listens`, async (context) => {
    const options = { dir: root, modelsDir: root, model: 'none', nice: 0 };
    const child = fork(join(repoRoot, 'dist', entry), [JSON.stringify(options)], { stdio: 'ignore' });
    context.after(() => child.kill('SIGKILL'));
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(waitMs) });
    child.disconnect();
    const [code] = await ended;
    assert.equal(code, 0);
  });
}
