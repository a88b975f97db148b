/** What is said to an engine host that loads a real model, and is not ready yet. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { servedFile } from '../../core/adapter/served.ts';
import { systemClock } from '../../core/clock.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import { startEngine } from '../../server/models/engine-process.ts';
import { until } from './learning-server.ts';
import { modelName, TinyModel } from './tiny-model.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-restart-'));
after(() => rmSync(root, { recursive: true, force: true }));
const waitMs = 15_000;

test('an adapter that comes while a killed host is started again is there when it serves', async (context) => {
  const model = new TinyModel(root);
  const base = await model.import();
  const folder = join(root, 'adapters');
  const id = await model.publishAdapter(folder, base, 1);
  const engine = await startEngine({
    version: 'test',
    clock: systemClock,
    startTimeoutMs: waitMs,
    log: () => {},
    host: {
      folder: join(model.modelsDir, modelName),
      ...{ numSlots: 4, maxContext: 128, threads: 1, sharedThreads: null, maxAdapterRows: 8 },
      limits: {
        ...{ cacheTokens: 512, maxChunkTokens: 64, minChunkTokens: 4, maxLogitRows: 64, maxStretch: 1.4 },
        ...{ ageingMs: 5_000, maxWaiting: 100, prefixBlockTokens: 16, prefixCacheBytes: 0 },
      },
    },
  });
  context.after(() => engine.close());
  const killed = engine.pid()!;
  process.kill(killed, 'SIGKILL');
  await until('the next host loads', waitMs, () => engine.pid() !== null && engine.pid() !== killed);
  assert.equal(engine.state(), 'restarting');
  const { files } = await readAdapter(folder, id);
  const { sha256 } = files.find(({ path }) => path === servedFile)!;
  await engine.loadAdapter({ id, path: join(folder, id, servedFile), sha256 });
  await until('it serves', waitMs, () => engine.state() === 'ready');
});
