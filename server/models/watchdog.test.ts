import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { Watchdog } from './watchdog.ts';

const skip = existsSync('/proc/self/stat') ? false : 'this system does not tell whether a process is stopped';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let child: ChildProcess;
let watchdog: Watchdog;
let gone: Promise<number>;

/** A host that runs, and whose pulse is not heard. */
beforeEach(() => {
  child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  gone = new Promise((resolve) => child.once('exit', () => resolve(performance.now())));
  watchdog = new Watchdog({ child, clock: systemClock, pulse: new PassThrough() });
});
afterEach(() => {
  watchdog.stop();
  child.kill('SIGKILL');
});

test('a host that only gets no CPU is given time, and a stopped one none', { skip }, async () => {
  watchdog.start();
  await pause(1_500);
  assert.deepEqual([watchdog.verdict, child.exitCode, child.signalCode], [null, null, null]);
  const stoppedMs = performance.now();
  child.kill('SIGSTOP');
  const tookMs = (await gone) - stoppedMs;
  assert.ok(tookMs < 700, `${tookMs} ms`);
  assert.match(watchdog.verdict!, /no sign of life/);
});

test('a host without a sign of life is ended in the end, whatever the system says of it', async () => {
  const startMs = performance.now();
  watchdog.start();
  const tookMs = (await gone) - startMs;
  assert.ok(tookMs < 15_000, `${tookMs} ms`);
  assert.match(watchdog.verdict!, /no sign of life/);
});
