import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lock } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
const leave = (identity: string): void => writeFileSync(join(folder, `trainer.${identity}.lock`), '');
/** This file, run as a process of its own, is one that wants the lock. */
const wanted = process.argv[2];

if (wanted !== undefined) {
  process.once('message', () => {
    try {
      lock(wanted);
      process.send!('has it');
    } catch (error) {
      process.send!(String(error));
    }
  });
  process.send!('ready');
} else {
  after(() => rmSync(folder, { recursive: true }));

  test('a second trainer is refused while the first lives', () => {
    // The parent of this process lives.
    leave(String(process.ppid));
    assert.throws(() => lock(folder), /another trainer \(process \d+\)/);
    rmSync(join(folder, `trainer.${process.ppid}.lock`));
    assert.deepEqual(readdirSync(folder), [], 'the one that was refused leaves nothing');
  });

  test("a dead one's lock is taken over", () => {
    // The first two had this process' number, and ended, as happens in containers.
    for (const owner of [`${process.pid}@1`, String(process.pid), '999999999']) {
      leave(owner);
      const unlock = lock(folder);
      unlock();
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  test('of several that find a dead one at the same time at most one has the lock', {
    timeout: 60_000,
  }, async () => {
    for (let round = 0; round < 3; round++) {
      leave('999999999');
      const rivals = await Promise.all(Array.from({ length: 4 }, startRival));
      const said = await Promise.all(rivals.map(async (rival) => String((await ask(rival))[0])));
      rivals.forEach((rival) => void rival.kill('SIGKILL'));
      await Promise.all(rivals.map((rival) => once(rival, 'exit')));
      assert.ok(said.filter((each) => each === 'has it').length <= 1, said.join('\n'));
      lock(folder)();
    }
  });
}

async function startRival(): Promise<ChildProcess> {
  const rival = fork(fileURLToPath(import.meta.url), [folder]);
  await once(rival, 'message');
  return rival;
}

function ask(rival: ChildProcess): Promise<unknown[]> {
  const answer = once(rival, 'message');
  rival.send('go');
  return answer;
}
