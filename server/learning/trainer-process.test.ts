import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TrainerOptions } from '../../core/learning/trainer-options.ts';
import { isRunning } from '../../core/process-identity.ts';
import { until } from '../../test/until.ts';
import { TrainerProcess } from './trainer-process.ts';

const entry = fileURLToPath(new URL('./hanging-trainer.js', import.meta.url));
const skip = existsSync('/proc/self/stat') ? false : 'this system does not tell whether a process is stopped';
const said: string[] = [];
let trainer: TrainerProcess;

function start(options: { readonly maxSilenceMs: number; readonly isBusy?: () => boolean }): void {
  said.length = 0;
  trainer = new TrainerProcess({
    entry,
    trainer: {} as TrainerOptions,
    environment: {},
    isBusy: () => false,
    onTraining: () => {},
    log: (message) => void said.push(message),
    ...options,
  });
}

afterEach(() => trainer.close());

test('a trainer that is stopped is ended and started again, long before one that is only silent would be', {
  skip,
}, async () => {
  start({ maxSilenceMs: 600_000 });
  await until(() => trainer.state === 'ready', 'it is ready', 30_000);
  const pid = trainer.pid!;
  process.kill(pid, 'SIGSTOP');
  await until(() => trainer.state === 'ready' && trainer.pid !== pid, 'another one is ready', 60_000);
  assert.deepEqual([trainer.hangs, trainer.restarts, isRunning(String(pid))], [1, 1, false]);
  assert.match(said.join('\n'), /no sign of life for \d+ s; it is ended\nthe trainer ended with SIGKILL/);
});

test('a trainer that hangs is ended and started again; the next one may be silent for longer', async () => {
  let isBusy = false;
  start({ maxSilenceMs: 3_000, isBusy: () => isBusy });
  await until(() => trainer.state === 'ready', 'it is ready', 30_000);
  const { hangs, restarts, pid } = trainer;
  isBusy = true;
  const hungMs = performance.now();
  await until(() => trainer.hangs > hangs, 'it is ended', 30_000);
  const tookMs = performance.now() - hungMs;
  isBusy = false;
  assert.ok(tookMs >= 2_900, `${tookMs} ms`);
  await until(() => trainer.restarts > restarts && trainer.state === 'ready', 'another one is ready', 60_000);
  assert.notEqual(trainer.pid, pid);
  isBusy = true;
  const againMs = performance.now();
  await until(() => trainer.hangs > hangs + 1, 'it is ended', 60_000);
  assert.ok(performance.now() - againMs >= 5_800, 'one that was only slow is not ended as early again');
});
