import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { identityOf, isOtherRunning, isRunning } from './process-identity.ts';

test('a process runs under its identity until it has ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = identityOf(child.pid!);
  assert.ok(isRunning(identity));
  assert.ok(isRunning(identityOf(process.pid)));
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.ok(!isRunning(identity));
});

const skip = existsSync('/proc/self/stat') ? false : 'this system does not tell when a process began';

test('another process under the same number is another one', { skip }, () => {
  const [pid, start] = identityOf(process.pid).split('@');
  assert.ok(!isRunning(`${pid}@${Number(start) - 1}`));
});

test('under the own number there is no other process', () => {
  for (const identity of [identityOf(process.pid), String(process.pid)]) assert.ok(!isOtherRunning(identity));
  assert.ok(isOtherRunning(identityOf(process.ppid)));
});

test('what is no identity does not run', () => {
  for (const identity of ['', '0', '-1', 'x', '1.5', '999999999', '999999999@1'])
    assert.ok(!isRunning(identity));
});
