import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TrainerOptions } from '../../core/learning/trainer-options.ts';
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

async function until(what: string, timeoutMs: number, look: () => boolean): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!look()) {
    assert.ok(performance.now() < untilMs, `not within ${timeoutMs} ms: ${what}; ${said.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

afterEach(() => trainer.close());

test('a trainer that is stopped is ended and started again, long before one that is only silent would be', {
  skip,
}, async () => {
  start({ maxSilenceMs: 600_000 });
  await until('it is ready', 30_000, () => trainer.state === 'ready');
  const pid = trainer.pid!;
  process.kill(pid, 'SIGSTOP');
  await until('another one is ready', 60_000, () => trainer.state === 'ready' && trainer.pid !== pid);
  assert.deepEqual([trainer.hangs, trainer.restarts, isGone(pid)], [1, 1, true]);
  assert.match(said.join('\n'), /no sign of life for \d+ s; it is ended\nthe trainer ended with SIGKILL/);
});

test('a trainer that hangs is ended and started again; the next one may be silent for longer', async () => {
  let isBusy = false;
  start({ maxSilenceMs: 3_000, isBusy: () => isBusy });
  await until('it is ready', 30_000, () => trainer.state === 'ready');
  const { hangs, restarts, pid } = trainer;
  isBusy = true;
  const hungMs = performance.now();
  await until('it is ended', 30_000, () => trainer.hangs > hangs);
  const tookMs = performance.now() - hungMs;
  isBusy = false;
  assert.ok(tookMs >= 2_900, `${tookMs} ms`);
  await until('another one is ready', 60_000, () => trainer.restarts > restarts && trainer.state === 'ready');
  assert.notEqual(trainer.pid, pid);
  isBusy = true;
  const againMs = performance.now();
  await until('it is ended', 60_000, () => trainer.hangs > hangs + 1);
  assert.ok(performance.now() - againMs >= 5_800, 'one that was only slow is not ended as early again');
});
