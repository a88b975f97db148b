import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { readAll } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { Fate, LogRecord } from '../../core/feedback/record.ts';
import {
  type LearningLayout,
  learningLayout,
  type VersionEvent,
} from '../../core/registry/learning-layout.ts';
import { pause, until } from '../../test/until.ts';
import type { FeedbackRequest } from '../feedback/feedback-request.ts';
import { type Keeper, openKeeper } from '../feedback/keeper.ts';
import { fakeEncoder } from '../memory/fake-embed.ts';
import { Memory } from '../memory/memory.ts';
import { MemoryFeeder } from '../memory/memory-feeder.ts';
import { MemoryStore } from '../memory/memory-store.ts';
import { FakeLogStream } from './fake-log-stream.ts';
import { type FeedbackMirror, openFeedbackMirror } from './feedback-mirror.ts';
import { openFollowerMirror } from './follower-mirror.ts';
import { openLearnerMirror } from './learner-mirror.ts';
import type { LogStream } from './log-stream.ts';
import type { VersionRef } from './version-ref.ts';
import type { VersionSource } from './version-source.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-mirrors-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const newStream = (): LogStream => new FakeLogStream(1_000, () => performance.now());

function newLayout(): LearningLayout {
  const layout = learningLayout(join(root, String(numFolders++)));
  mkdirSync(layout.cursors, { recursive: true });
  return layout;
}

async function contentOf<T>(folder: string): Promise<T[]> {
  const records: T[] = [];
  for await (const { record } of readAll(folder, (json) => json as T)) records.push(record);
  return records;
}

/** Of the test that runs. */
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

interface Replica {
  readonly layout: LearningLayout;
  readonly keeper: Keeper;
  readonly memory: Memory;
  readonly mirror: FeedbackMirror;
  readonly received: LogRecord[];
  readonly problems: string[];
  close(): Promise<void>;
}

/** All of a replica that has to do with feedback, wired as the server does it. */
async function start(origin: string, stream: LogStream, layout = newLayout()): Promise<Replica> {
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    problems.push(problem);
  };
  const keeper = await openKeeper({
    folders: layout,
    responses: null,
    log: { segmentBytes: 1e6, totalBytes: 1e9, maxPending: 1_000 },
    maxIndexed: 1_000,
    origin,
  });
  const store = await MemoryStore.open(layout.memory, { maxEntries: 100, maxPerAccount: 100 });
  const memory = new Memory({
    store,
    embed: fakeEncoder().embed,
    encoder: 'fake',
    thresholds: { similarity: 0.8, namedSimilarity: 0.5 },
    ttlMs: 1e9,
    maxWaitMs: 100,
    now: Date.now,
    async tell(tenant, change) {
      const { id } = await keeper.call('amend', { tenant, change });
      mirror.wake();
      return id;
    },
  });
  const feeder = await MemoryFeeder.open({
    memory,
    log: layout.feedback,
    cursor: join(layout.cursors, 'memory.json'),
    onProblem,
  });
  const received: LogRecord[] = [];
  const mirror = await openFeedbackMirror({
    layout,
    keeper,
    stream,
    origin,
    pollMs: 10,
    groupIdleMs: 1e9,
    minResendIntervalMs: 500,
    onReceived(records) {
      received.push(...records);
      feeder.wake();
    },
    onProblem,
  });
  let closing: Promise<void> | null = null;
  const end = async (): Promise<void> => {
    await mirror.close();
    await feeder.close();
    await store.close();
    await keeper.close();
  };
  const replica: Replica = {
    layout,
    keeper,
    memory,
    mirror,
    received,
    problems,
    close() {
      closing ??= end();
      return closing;
    },
  };
  open.push(replica);
  return replica;
}

const lesson = (question: string, answer: string, account = 'alice'): FeedbackRequest => ({
  tenant: 'acme',
  account,
  subject: {
    kind: 'demonstration',
    model: 'tiny',
    context: { kind: 'chat', messages: [{ role: 'user', content: question }] },
    answer,
  },
  idempotency: null,
});

async function give(replica: Replica, request: FeedbackRequest): Promise<string> {
  const { id } = await replica.keeper.call('feedback', request);
  replica.mirror.wake();
  return id;
}

/** What a replica remembers, by id, without the order in which it came. */
const remembered = ({ memory }: Replica): [string, string, string][] =>
  memory
    .list('acme')
    .map(({ id, question, answer }): [string, string, string] => [id, question, answer])
    .sort();

const said = (replica: Replica): string[] => remembered(replica).map(([, , answer]) => answer);

test('a correction given to one replica is remembered by all, under one id, and undone on all', async () => {
  const stream = newStream();
  const [a, b] = [await start('a', stream), await start('b', stream)];
  const id = await give(a, lesson('what is the capital of Foo', 'Bar'));
  await until(() => said(b).length === 1, 'b remembers it');
  assert.deepEqual(remembered(b), [[`mem-${id.slice(3)}`, 'what is the capital of Foo', 'Bar']]);
  assert.deepEqual(
    b.received.map((record) => record.id),
    [id],
  );
  assert.equal((await b.keeper.call('view', { id, tenant: 'acme' }))?.record.origin, 'a');
  const what = { kind: 'row' as const, row: id };
  await b.keeper.call('undo', { tenant: 'acme', what, rows: [id] });
  b.mirror.wake();
  await until(() => a.received.length === 1, 'a has heard of it');
  await pause(100);
  assert.deepEqual(said(a), []);
  const logs = [await contentOf<LogRecord>(a.layout.feedback), await contentOf<LogRecord>(b.layout.feedback)];
  assert.deepEqual(logs[0], logs[1]);
  assert.equal(a.mirror.sender.numSent + b.mirror.sender.numSent, 2, 'nobody sends what others have said');
  const ofB = b.mirror.state().map(({ log, direction, numLines, isUp }) => [log, direction, numLines, isUp]);
  assert.deepEqual(ofB, [
    ['feedback', 'sent', 1, true],
    ['feedback', 'received', 1, true],
  ]);
});

test('what an operator puts into memory, changes and deletes on any replica is so on all of them', async () => {
  const stream = newStream();
  const [a, b] = [await start('a', stream), await start('b', stream)];
  const own = { tenant: 'acme', account: 'op', model: 'tiny', source: null, context: null };
  const first = await a.memory.put({ ...own, question: 'how tall is Mount Foo', answer: '100 m' });
  const second = await b.memory.put({ ...own, question: 'who wrote the Book of Bar', answer: 'Baz' });
  await until(() => said(a).length === 2 && said(b).length === 2, 'both have both');
  assert.deepEqual(remembered(a), remembered(b));
  await b.memory.edit('acme', first.id, { answer: '200 m' });
  await until(() => said(a).includes('200 m'), 'a has the change');
  assert.deepEqual(remembered(a), remembered(b));
  await a.memory.forget('acme', second.id);
  assert.deepEqual(said(a), ['200 m'], 'and at once where it was asked for');
  await until(() => said(b).length === 1, 'b has forgotten it');
  await pause(200);
  assert.deepEqual(remembered(a), remembered(b));
  assert.deepEqual(said(a), ['200 m']);
  const learned = await give(a, lesson('what does Qux mean', 'wrong'));
  await until(() => said(b).includes('wrong'), 'b has learned it');
  await b.memory.forget('acme', `mem-${learned.slice(3)}`);
  await until(() => !said(a).includes('wrong'), 'a has forgotten it');
});

test('changes of the same entry at the same moment end the same everywhere', async () => {
  const stream = newStream();
  const [a, b] = [await start('a', stream), await start('b', stream)];
  const own = { tenant: 'acme', account: 'op', model: 'tiny', source: null, context: null };
  for (let round = 0; round < 5; round++) {
    const { id } = await a.memory.put({ ...own, question: `what is number ${round}`, answer: 'first' });
    await until(() => remembered(b).some(([entry]) => entry === id), 'b has it');
    await a.memory.edit('acme', id, { answer: `by a ${round}` });
    await pause(2);
    await b.memory.edit('acme', id, { answer: `by b ${round}` });
    if (round === 4)
      await Promise.allSettled([a.memory.forget('acme', id), b.memory.edit('acme', id, { answer: 'late' })]);
  }
  await pause(500);
  assert.deepEqual(remembered(a), remembered(b));
  assert.deepEqual(said(a).sort(), ['by b 0', 'by b 1', 'by b 2', 'by b 3']);
});

test('a later word on the same question counts, in whichever order the words come', async () => {
  const stream = newStream();
  const c = await start('c', newStream());
  const rows: LogRecord[] = [];
  for (const answer of ['old', 'new']) {
    rows.push((await c.keeper.call('feedback', lesson('what is the colour of Foo', answer))) as LogRecord);
    await pause(5);
  }
  const a = await start('a', stream);
  await stream.append(
    rows.toReversed().map((row) => JSON.stringify(row)),
    null,
  );
  await until(() => a.received.length === 2, 'both are there');
  await pause(200);
  assert.deepEqual(said(a), ['new']);
});

test('what is no record, or of a kind that is not known, is left out and told', async () => {
  const stream = newStream();
  const a = await start('a', stream);
  await stream.append(
    ['{', 'null', '7', '{"type":"future","id":"x","tenant":"acme"}', '{"type":"undo"}'],
    null,
  );
  await until(() => a.problems.length >= 4, 'all of it is told');
  assert.deepEqual(await contentOf(a.layout.feedback), []);
  assert.deepEqual(a.received, []);
});

test('what a replica has missed while it was away for longer than the stream reaches back, the others send again', async () => {
  const stream = new FakeLogStream(100, () => performance.now());
  const [layout, ofA] = [newLayout(), newLayout()];
  let a = await start('a', stream, ofA);
  const b = await start('b', stream, layout);
  const giveMany = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) await give(a, lesson(`question ${n}`, `answer ${n}`));
    await until(() => a.mirror.sender.numSent === to, 'all is sent');
  };
  await giveMany(0, 10);
  await until(() => b.received.length === 10, 'b has the first');
  await b.close();
  await giveMany(10, 300);
  const back = await start('b', stream, layout);
  await until(() => a.mirror.resend.numResends === 1, 'a was asked');
  const late = await give(a, lesson('question of now', 'answer of now'));
  await until(() => back.received.some(({ id }) => id === late), 'what is new does not wait');
  await until(async () => (await contentOf(layout.feedback)).length === 301, 'all is there', 10_000);
  assert.equal(back.mirror.receiver.numGaps, 1);
  const rows = (await contentOf<LogRecord>(layout.feedback)).map(({ id }) => id);
  assert.equal(new Set(rows).size, 301);
  assert.equal((await contentOf(ofA.feedback)).length, 301, 'a took nothing of its own');
  await until(() => !existsSync(join(ofA.cursors, 'feedback-resent.json')), 'it is over');
  const fresh = await start('c', stream);
  await until(
    async () => (await contentOf(fresh.layout.feedback)).length === 301,
    'a new one has all',
    10_000,
  );
  assert.deepEqual([fresh.mirror.receiver.numGaps, back.mirror.receiver.numGaps], [0, 1]);
  assert.equal((await contentOf(ofA.feedback)).length + (await contentOf(layout.feedback)).length, 602);
  await until(() => !existsSync(join(ofA.cursors, 'feedback-resent.json')), 'it is over');
  await a.close();
  a = await start('a', stream, ofA);
  await pause(200);
  assert.equal(a.mirror.resend.numResends, 0, 'also for the next start');
});

test('a replica that has lost its folder gets all back: what others took, and what it took itself, also out of the logs of the others', async () => {
  const stream = new FakeLogStream(100, () => performance.now());
  const [a, b] = [await start('a', stream), await start('b', stream)];
  await b.close();
  const ofB = newLayout();
  const early = await start('b', stream, ofB);
  const own = await give(early, lesson('question of b', 'answer of b'));
  await until(async () => (await contentOf(a.layout.feedback)).length === 1, 'a has the row of b');
  for (let n = 0; n < 150; n++) await give(a, lesson(`question ${n}`, `answer ${n}`));
  await until(async () => (await contentOf(ofB.feedback)).length === 151, 'b has all', 10_000);
  await early.close();
  const lost = newLayout();
  const back = await start('b', stream, lost);
  await until(async () => (await contentOf(lost.feedback)).length === 151, 'all of it is back', 10_000);
  const rows = (await contentOf<LogRecord>(lost.feedback)).map(({ id }) => id);
  assert.equal(new Set(rows).size, 151);
  assert.ok(rows.includes(own), 'the row that only the log of a had');
  assert.ok(back.problems.some((problem) => problem.includes('after the loss of its volume')));
  assert.ok(back.problems.some((problem) => problem.includes('does not reach back to its beginning')));
  assert.equal((await contentOf(a.layout.feedback)).length, 151, 'a has nothing twice');
  await until(() => existsSync(join(lost.cursors, 'feedback-received')), 'how far it is stands on disk');
  await back.close();
  const again = await start('b', stream, lost);
  await give(a, lesson('question of now', 'answer of now'));
  await until(async () => (await contentOf(lost.feedback)).length === 152, 'it goes on');
  assert.deepEqual(again.problems, []);
});

test('a replica that is ended while it gets back what it has lost gets the rest when it starts again', async () => {
  const stream = new FakeLogStream(100, () => performance.now());
  const [a, ofB] = [await start('a', stream), newLayout()];
  const early = await start('b', stream, ofB);
  for (let n = 0; n < 100; n++) await give(early, lesson(`question ${n} to b`, `answer ${n}`));
  for (let n = 0; n < 150; n++) await give(a, lesson(`question ${n} to a`, `answer ${n}`));
  await until(async () => (await contentOf(a.layout.feedback)).length === 250, 'a has all', 10_000);
  await until(() => a.mirror.sender.numSent === 150, 'all of a is sent');
  await early.close();
  const lost = newLayout();
  const back = await start('b', stream, lost);
  await until(() => existsSync(join(lost.cursors, 'feedback-received')), 'it has read the stream');
  await back.close();
  const numThere = (await contentOf(lost.feedback)).length;
  assert.ok(numThere < 250, 'it was ended before all had come');
  const again = await start('b', stream, lost);
  await until(async () => (await contentOf(lost.feedback)).length === 250, 'the rest has come', 10_000);
  assert.equal(new Set((await contentOf<LogRecord>(lost.feedback)).map(({ id }) => id)).size, 250);
  assert.ok(
    !again.problems.some((problem) => problem.includes('loss of its volume')),
    'it knew where it was',
  );
});

interface Fetching extends VersionSource {
  readonly asked: VersionRef[];
  failure: Error | null;
}

function fakeSource(): Fetching {
  const source: Fetching = {
    asked: [],
    failure: null,
    async ensure(ref) {
      source.asked.push(ref);
      if (source.failure !== null) throw source.failure;
    },
    async close() {},
  };
  return source;
}

const published = (adapter: string): VersionEvent => ({
  type: 'published',
  at: '2026-11-27T00:00:00Z',
  adapter,
  model: 'tiny',
  tenant: 'acme',
});

test('fates and versions of the learner come to a follower in order, each version before its event', async () => {
  const streams = { fates: newStream(), versions: newStream() };
  const [ofLearner, ofFollower] = [newLayout(), newLayout()];
  const limits = { segmentBytes: 1_000, totalBytes: 1e9, maxPending: 1_000 };
  const [fates, versions] = [
    await LogWriter.open(ofLearner.fates, limits),
    await LogWriter.open(ofLearner.versions, limits),
  ];
  const offered: VersionRef[] = [];
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    problems.push(problem);
  };
  const learner = await openLearnerMirror({
    layout: ofLearner,
    streams,
    origin: 'learner',
    pollMs: 10,
    async offer(ref) {
      offered.push(ref);
      if (ref.kind === 'base') throw new MillraceError('version_not_found', { version: 'it' });
    },
    onProblem,
  });
  const source = fakeSource();
  const common = {
    layout: ofFollower,
    streams,
    origin: 'follower',
    maxKnown: 1_000,
    pollMs: 10,
    groupIdleMs: 1e9,
    source,
    onProblem,
  };
  const follower = await openFollowerMirror(common);
  const rows: Fate[] = Array.from({ length: 30 }, (_, n) => ({
    id: `fb-${n}`,
    at: 'now',
    state: { kind: 'queued' },
  }));
  for (const row of rows) await fates.append(row);
  const base = {
    type: 'base' as const,
    at: 'now',
    model: 'tiny',
    tenant: 'acme',
    adapter: 'a1',
    version: 'sha256:1',
  };
  const refused = {
    type: 'refused' as const,
    at: 'now',
    model: 'tiny',
    tenant: 'acme',
    rows: [],
    checks: ['x'],
  };
  const events: VersionEvent[] = [published('a1'), refused, base];
  for (const event of events) await versions.append(event);
  const withoutOrigin = async (folder: string): Promise<object[]> =>
    (await contentOf<{ origin?: string }>(folder)).map(({ origin, ...rest }) => {
      assert.equal(origin, 'learner');
      return rest;
    });
  await until(async () => (await contentOf(ofFollower.fates)).length === 30, 'the fates are there');
  await until(async () => (await contentOf(ofFollower.versions)).length === 3, 'the versions are there');
  assert.deepEqual(await withoutOrigin(ofFollower.fates), rows);
  assert.deepEqual(await withoutOrigin(ofFollower.versions), events);
  const refs: VersionRef[] = [
    { kind: 'adapter', id: 'a1' },
    { kind: 'base', model: 'tiny', version: 'sha256:1' },
  ];
  assert.deepEqual(source.asked, refs);
  assert.deepEqual(offered, refs);

  source.failure = new MillraceError('version_fetch_failed', { version: 'it', reason: 'away' });
  await versions.append(published('a2'));
  await until(() => problems.some((problem) => problem.includes('away')), 'it is told that it waits');
  assert.equal((await contentOf(ofFollower.versions)).length, 3, 'no event before its version');
  source.failure = null;
  await until(async () => (await contentOf(ofFollower.versions)).length === 4, 'it has come');

  source.failure = new MillraceError('version_not_found', { version: 'a3' });
  await versions.append(published('a3'));
  await until(() => problems.some((problem) => problem.includes('a3')), 'it is told that it is left out');
  source.failure = null;
  await versions.append(published('a4'));
  await until(async () => (await contentOf(ofFollower.versions)).length === 5, 'what comes after it comes');
  await follower.close();
  const again = await openFollowerMirror({ ...common, origin: 'a replica whose group is new' });
  await pause(300);
  assert.equal((await contentOf(ofFollower.fates)).length, 30, 'all of it once more changes nothing');
  await again.close();
  await learner.close();
  await Promise.all([fates.close(), versions.close()]);
});
