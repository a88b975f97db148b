import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { TrialSaver } from './trial-saver.ts';

let nowMs = 0;

function open() {
  nowMs = 0;
  const writes: Deferred<void>[] = [];
  const write = (): Promise<void> => {
    const deferred = createDeferred<void>();
    writes.push(deferred);
    return deferred.promise;
  };
  return { saver: new TrialSaver({ write, now: () => nowMs }), writes };
}

const turn = () => new Promise((done) => setImmediate(done));

test('writes come one after another, and closing waits for all of them', async () => {
  const { saver, writes } = open();
  const saves = [saver.save(), saver.save()];
  let isClosed = false;
  const closed = saver.close().then(() => {
    isClosed = true;
  });
  for (let n = 1; n <= 2; n++) {
    await turn();
    assert.deepEqual([writes.length, isClosed], [n, false]);
    writes[n - 1]!.resolve();
  }
  await Promise.all([...saves, closed]);
  assert.equal(writes.length, 2, 'nothing was left to save');
});

test('what is observed is saved when its time has come, and again when it could not be', async () => {
  const { saver, writes } = open();
  await saver.saveIfDue('active');
  saver.mark();
  nowMs = 4_999;
  await saver.saveIfDue('active');
  assert.equal(writes.length, 0);
  nowMs = 5_000;
  await saver.saveIfDue('idle');
  const failing = saver.saveIfDue('active');
  await turn();
  assert.equal(writes.length, 1);
  nowMs = 50_000;
  await saver.saveIfDue('active');
  assert.equal(writes.length, 1, 'the disk is still busy');
  writes[0]!.reject(new Error('no space left'));
  await assert.rejects(failing, /no space left/);
  void saver.saveIfDue('active');
  await turn();
  assert.equal(writes.length, 2);
});

test('closing saves what was observed since', async () => {
  const { saver, writes } = open();
  saver.mark();
  const closed = saver.close();
  await turn();
  assert.equal(writes.length, 1);
  writes[0]!.resolve();
  await closed;
});
