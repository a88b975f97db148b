/** A short run of chaos over the real program, and the parts that judge it on made-up cases. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { complaintsAboutRequests } from './check-requests.ts';
import { type Ending, endingOf } from './ending.ts';
import type { Heard } from './exchange.ts';
import type { Outage } from './gateway.ts';
import { prepareModels } from './prepare.ts';
import { runChaos } from './run.ts';
import { scheduleOf } from './schedule.ts';
import type { Noted } from './traffic.ts';

const members = { gateways: ['gateway'], others: [], unable: new Map() };

test('a schedule follows from its seed, and holds every kind of fault that is possible', () => {
  const of = (seed: number) => scheduleOf({ ...members, seed, seconds: 30 });
  assert.deepEqual(of(7), of(7));
  assert.notDeepEqual(of(7), of(8));
  const kinds = new Set(
    Array.from({ length: 40 }, (_, seed) => of(seed)).flatMap((each) => each.map(({ fault }) => fault.kind)),
  );
  assert.deepEqual([...kinds].sort(), [
    'clock',
    'disk-full',
    'kill',
    'promote',
    'read-only',
    'restart',
    'rollback',
    'stop',
  ]);
  const unable = new Map([['clock', 'no reason'] as const]);
  const without = scheduleOf({ ...members, unable, seed: 7, seconds: 600 });
  assert.ok(without.length > 100 && without.every(({ fault }) => fault.kind !== 'clock'));
});

const heard = (more: Partial<Heard>): Heard => ({
  ...{ startMs: 100, endMs: 200, status: 200, headers: {}, text: '', isWhole: true, error: null },
  ...{ isLate: false, hasLeft: false, isReused: false },
  ...more,
});
const head = { 'content-type': 'text/event-stream; charset=utf-8', 'x-millrace-version': 'v' };
const chunk = (finish: string | null, version = 'v') =>
  `data: ${JSON.stringify({ id: 'r', system_fingerprint: version, choices: [{ text: 'a', finish_reason: finish }] })}\n\n`;
const error = 'data: {"error":{"message":"m","type":"server_error","param":null,"code":"engine_failed"}}\n\n';
const done = 'data: [DONE]\n\n';

test('a stream has one end, and says so when it is a bad one', () => {
  const kindOf = (text: string) => endingOf(heard({ headers: head, text })).kind;
  assert.equal(kindOf(chunk(null) + chunk('length') + done), 'answer');
  assert.equal(kindOf(`: keep-alive\n\n${chunk('stop')}${done}`), 'answer');
  assert.equal(kindOf(chunk(null) + error), 'failed');
  for (const text of [
    chunk(null),
    chunk(null) + done,
    chunk('stop') + done + chunk(null),
    chunk('stop') + done + done,
    error + error,
    error + done,
    chunk('stop') + chunk('stop') + done,
    chunk(null) + chunk('stop', 'w') + done,
    'data: {"half',
    '',
  ])
    assert.equal(kindOf(text), 'wrong', text);
  assert.equal(endingOf(heard({ isWhole: false, text: chunk(null) })).kind, 'broken');
  assert.equal(endingOf(heard({ status: 503, text: 'Bad Gateway' })).kind, 'wrong');
  assert.equal(endingOf(heard({ isLate: true, status: null })).kind, 'hung');
});

test('a connection may die with its server, and an orderly end takes nothing with it that it has taken on', () => {
  const broken: Ending = { kind: 'broken', reason: 'ECONNRESET' };
  const about = (outage: Omit<Outage, 'toMs'>, more: Partial<Heard> = {}, ending: Ending = broken) => {
    const noted: Noted = { what: 'stream', gateway: 'g', heard: heard({ status: null, ...more }), ending };
    return complaintsAboutRequests([noted], () => [{ ...outage, toMs: 300 }]).length;
  };
  assert.equal(about({ kind: 'killed', fromMs: 150 }, { status: 200 }), 0);
  assert.equal(about({ kind: 'killed', fromMs: 250 }), 1, 'it came after');
  assert.equal(about({ kind: 'ended', fromMs: 50 }), 0, 'it was not let in');
  assert.equal(about({ kind: 'ended', fromMs: 150 }, { status: 200 }), 1, 'it was cut off');
  assert.equal(about({ kind: 'killed', fromMs: 50 }, {}, { kind: 'hung' }), 1);
  const internal: Ending = { kind: 'refused', status: 500, code: 'internal_error' };
  assert.equal(about({ kind: 'killed', fromMs: 50 }, {}, internal), 1);
});

test('a version that says two things to one prompt is found', () => {
  const said = (text: string, version = 'v'): Noted => ({
    what: 'whole x',
    gateway: 'g',
    heard: heard({}),
    ending: { kind: 'answer', version, text, id: '' },
  });
  const about = (...noted: Noted[]) => complaintsAboutRequests(noted, () => []).length;
  assert.equal(about(said('abcd'), said('ab'), said('abc'), said('xyz', 'w')), 0);
  assert.equal(about(said('abcd'), said('abx')), 1);
});

test('under a short storm of faults every promise is kept', async (context) => {
  const prepared = await prepareModels();
  context.after(() => rmSync(prepared.root, { recursive: true, force: true }));
  const log = (line: string): void => context.diagnostic(line);
  const { complaints, said, endings, learned } = await runChaos({
    seed: 4,
    seconds: 10,
    replicas: 1,
    prepared,
    log,
  });
  assert.deepEqual(complaints, [], said.slice(-20_000));
  assert.ok(endings.answer! > 50 && learned.rows > 0, JSON.stringify({ endings, learned }));
});
