import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Example } from '../examples/example.ts';
import { dueTenant, nextRows } from './due.ts';
import { type Line, newLine, type Waiting } from './line.ts';
import { Pace } from './pace.ts';

function waiting(id: string, sinceMs: number, more: { account?: string; refusals?: number } = {}): Waiting {
  const { account = id, refusals = 0 } = more;
  return { example: { id, account } as Example, sinceMs, refusals };
}

const line = (...rows: readonly Waiting[]): Line => ({ ...newLine, waiting: rows });
const trigger = { maxNew: 3, maxNewPerAccount: 2, settleMs: 100 };
const idsOf = (rows: readonly Waiting[]) => rows.map(({ example }) => example.id);

test('a tenant is due when its oldest row has settled, or when enough rows wait', () => {
  assert.equal(dueTenant({ a: line(waiting('1', 0)) }, trigger, 99), null);
  assert.equal(dueTenant({ a: line(waiting('1', 0)) }, trigger, 100), 'a');
  const many = line(waiting('1', 50), waiting('2', 50), waiting('3', 50));
  assert.equal(dueTenant({ a: many }, trigger, 51), 'a');
  assert.equal(dueTenant({ a: line(waiting('1', 20)), b: line(waiting('2', 10)) }, trigger, 500), 'b');
});

test('a row does not wait for the clock to come back to where it was', () => {
  assert.equal(dueTenant({ a: line(waiting('1', 3_600_000)) }, trigger, 0), 'a');
});

test('an update takes the oldest rows, few of one account, and refused rows alone', () => {
  const rows = ['1', '2', '3', '4'].map((id, index) =>
    waiting(id, index, { account: index < 3 ? 'x' : 'y' }),
  );
  assert.deepEqual(idsOf(nextRows(rows, trigger)), ['1', '2', '4']);
  const refused = waiting('0', 0, { refusals: 1 });
  assert.deepEqual(idsOf(nextRows([refused, ...rows], trigger)), ['0']);
  assert.deepEqual(idsOf(nextRows([...rows, refused], trigger)), ['1', '2', '4']);
});

test('a step waits while the server is busy, but never longer than it may, nor for a server that is gone', async () => {
  let nowMs = 0;
  const timer = setInterval(() => {
    nowMs += 10;
  }, 1);
  const pace = new Pace({ maxWaitMs: 500, freshMs: 200, pollMs: 1 }, () => nowMs);
  await pace.wait();
  assert.equal(nowMs < 10, true, 'an idle server is not waited for');
  const told = setInterval(() => pace.told(true), 1);
  pace.told(true);
  const startMs = nowMs;
  await pace.wait();
  assert.ok(nowMs - startMs >= 500 && nowMs - startMs < 700, String(nowMs - startMs));
  clearInterval(told);
  pace.told(true);
  const goneMs = nowMs;
  await pace.wait();
  assert.ok(nowMs - goneMs >= 200 && nowMs - goneMs < 400, String(nowMs - goneMs));
  clearInterval(timer);
});
