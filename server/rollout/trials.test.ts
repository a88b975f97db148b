import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { FeedbackRecord, Signal } from '../../core/feedback/record.ts';
import type { Aliases } from '../../core/registry/aliases.ts';
import { type LearningLayout, learningLayout } from '../../core/registry/learning-layout.ts';
import { until } from '../../test/until.ts';
import { armOf } from './experiment/assign.ts';
import { type FakeVersion, publishFake } from './fake-versions.ts';
import { Rollout } from './rollout.ts';
import type { TrialObservation } from './trial-observation.ts';
import { Trials, type TrialsOptions } from './trials.ts';

const base = `sha256:${'a'.repeat(64)}`;
const shortBase = 'sha256:aaaaaaaaaaaa';
const engine = { loadAdapter: async () => {}, dropAdapter: () => {} };
const share = 0.5;
const minuteMs = 60_000;
let root = '';
let layout: LearningLayout;
/** The trials' clock, in milliseconds since 1970. */
let nowMs = 0;
let opened: Trials[] = [];
let told: string[] = [];
let problems: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-trials-'));
  layout = learningLayout(root);
  nowMs = 1_700_000_000_000;
  [opened, told, problems] = [[], [], []];
});
afterEach(async () => {
  for (const trials of opened) await trials.close();
  rmSync(root, { recursive: true });
});

const openRollout = async (): Promise<Rollout> => {
  const rollout = await Rollout.open({ layout, maxRows: 1_000, now: () => new Date(nowMs) });
  await rollout.serve({ id: 'm', base, shortBase, engine });
  return rollout;
};

async function openTrials(rollout: TrialsOptions['rollout'], options: Partial<TrialsOptions> = {}) {
  const trials = await Trials.open({
    layout,
    rollout,
    models: ['m'],
    canaryShare: 0,
    now: () => nowMs,
    onDecision: (line) => told.push(line),
    onProblem: (line) => problems.push(line),
    ...options,
  });
  opened.push(trials);
  return trials;
}

const publish = (about: Partial<FakeVersion> = {}) =>
  publishFake(layout, { model: 'm', tenant: 't', base, ...about });
const aliasesOnDisk = () =>
  (JSON.parse(readFileSync(layout.aliases, 'utf8')) as Aliases).models.m!.tenants.t!;

const answer = { kind: 'answer', ttftMs: 50, tpotMs: 10, load: 1 } as const;
const failure = { kind: 'failure' } as const;

/** One request of a conversation, answered as it is routed. */
function ask(
  rollout: Pick<Rollout, 'of'>,
  trials: Trials,
  key: string,
  happened: (adapter: string | null) => TrialObservation['happened'] = () => answer,
): string | null {
  const { stable, canary } = rollout.of('m', 't');
  const arm = canary === null ? 'stable' : armOf(key, canary.adapter, canary.share);
  const adapter = arm === 'canary' ? canary!.adapter : stable;
  const about = { model: 'm', tenant: 't', adapter, arm, conversation: key, atMs: nowMs };
  trials.observe({ ...about, happened: happened(adapter) });
  return adapter;
}

let numRows = 0;
function feedbackOn(adapter: string | null, arm: string, key: string, signal: Signal): FeedbackRecord {
  return {
    type: 'feedback',
    id: `fb-${numRows++}`,
    receivedAt: new Date(nowMs).toISOString(),
    tenant: 't',
    account: 'a',
    model: 'm',
    version: `${shortBase}${adapter === null ? '' : `+${adapter}`}+m7`,
    arm,
    responseId: 'r',
    conversation: key,
    answeredAt: new Date(nowMs).toISOString(),
    context: { kind: 'text', prompt: 'p' },
    answer: 'x',
    signal,
    redactions: {},
    idempotency: null,
  };
}

test('a canary that fails is off the alias on the disk within a second of the breach', async (context) => {
  const rollout = await openRollout();
  const [stable, canary] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  await rollout.setCanary('m', 't', { adapter: canary, share });
  const trials = await openTrials(rollout);
  let numFailed = 0;
  let breachMs = 0;
  for (let n = 0; rollout.of('m', 't').canary !== null && n < 1_000; n++) {
    const used = ask(rollout, trials, `key ${n}`, (adapter) => (adapter === canary ? failure : answer));
    if (used === canary && ++numFailed === 3) breachMs = performance.now();
    await new Promise((done) => setImmediate(done));
  }
  await until(() => aliasesOnDisk().canary === null, 'the canary is gone');
  const tookMs = performance.now() - breachMs;
  context.diagnostic(`${tookMs.toFixed(1)} ms from the third failure to the alias on the disk`);
  assert.ok(tookMs < 1_000, `${tookMs} ms`);
  assert.deepEqual([aliasesOnDisk().stable, aliasesOnDisk().rolledBack], [stable, [canary]]);
  await until(() => told.length > 0, 'it is told');
  assert.match(told[0]!, new RegExp(`^m, t: canary ${canary}: rollback \\(failures-in-row, moved\\)`));
  const [decision] = trials.view('m', 't').decisions;
  assert.deepEqual(
    [decision?.version, decision?.against, decision?.kind, decision?.effect],
    [canary, stable, 'rollback', 'moved'],
  );
  assert.equal(trials.view('m', 't').trial?.canary, null);
});

test('a canary that is rated better is promoted when its time is over, and watched from then on', async () => {
  const rollout = await openRollout();
  const [stable, canary] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  await rollout.setCanary('m', 't', { adapter: canary, share });
  const trials = await openTrials(rollout, { experiment: { minMs: 15 * minuteMs } });
  for (let n = 0; n < 400; n++) {
    const key = `key ${n}`;
    const used = ask(rollout, trials, key);
    const value = used === canary ? 1 : n % 3 === 0 ? 1 : -1;
    const arm = used === canary ? 'canary' : 'stable';
    trials.observeFeedback(feedbackOn(used, arm, key, { kind: 'rating', value }));
  }
  trials.tick();
  assert.equal(rollout.of('m', 't').stable, stable, 'its time is not over');
  nowMs += 15 * minuteMs;
  trials.tick();
  await until(() => rollout.of('m', 't').stable === canary, 'it is promoted');
  const { canary: none, previous } = aliasesOnDisk();
  assert.deepEqual([none, previous.at(-1)], [null, stable]);
  const { trial, decisions } = trials.view('m', 't');
  assert.equal(decisions[0]?.reason, 'better-quality');
  assert.deepEqual([trial?.watch?.version, trial?.watch?.against], [canary, stable]);
});

test('ratings count for the version and the arm that answered, once, and corrections as the worst', async () => {
  const rollout = await openRollout();
  const [stable, canary, other] = [await publish(), await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  await rollout.setCanary('m', 't', { adapter: canary, share });
  const trials = await openTrials(rollout);
  const key = (arm: string): string => {
    for (let n = 0; ; n++) if (armOf(`key ${n}`, canary, share) === arm) return `key ${n}`;
  };
  const good = { kind: 'rating', value: 1 } as const;
  const twice = feedbackOn(canary, 'canary', key('canary'), good);
  const late = feedbackOn(stable, 'stable', key('stable'), good);
  for (const record of [
    twice,
    twice,
    feedbackOn(stable, 'stable', key('stable'), { kind: 'correction', text: 'x' }),
    { ...late, answeredAt: new Date(nowMs - 1).toISOString() },
    { ...late, id: 'old', conversation: undefined as unknown as null },
    feedbackOn(other, 'stable', key('stable'), good),
    feedbackOn(null, 'stable', key('stable'), good),
    { ...feedbackOn(canary, 'canary', key('canary'), good), arm: null },
    feedbackOn(canary, 'canary', key('canary'), { kind: 'comment', text: 'x' }),
  ])
    trials.observeFeedback(record);
  const { tallies, quality } = trials.view('m', 't').trial!.canary!.evidence as {
    tallies: Record<string, { judgements: number; corrections: number }>;
    quality: { ratedUnits: Record<string, number> };
  };
  assert.deepEqual([tallies.canary?.judgements, tallies.stable?.judgements], [1, 1]);
  assert.equal(tallies.stable?.corrections, 1);
  assert.deepEqual(quality.ratedUnits, { stable: 1, canary: 1 });
  assert.deepEqual(problems, []);
});

test('a version that everybody gets at once and that fails is taken back; its canary goes with it', async () => {
  const rollout = await openRollout();
  const [before, bad] = [await publish(), await publish()];
  const trials = await openTrials(rollout);
  assert.equal(await trials.publish('m', 't', before), 'stable');
  for (let n = 0; n < 50; n++) ask(rollout, trials, `key ${n}`);
  assert.equal(await trials.publish('m', 't', bad), 'stable');
  const onTop = await publish({ parent: bad });
  await rollout.setCanary('m', 't', { adapter: onTop, share: 0.01 });
  for (let n = 0; n < 5; n++)
    ask(rollout, trials, `key ${n}`, (adapter) => (adapter === bad ? failure : answer));
  await until(() => aliasesOnDisk().stable === before, 'it is taken back');
  await until(() => aliasesOnDisk().canary === null, 'the canary is gone');
  assert.deepEqual(aliasesOnDisk().rolledBack, [bad]);
  assert.equal(trials.view('m', 't').trial?.watch, null);
});

test('of versions that come while one is tried out the newest waits, over a restart, and follows', async () => {
  const rollout = await openRollout();
  const first = await publish();
  const trials = await openTrials(rollout, { canaryShare: share });
  assert.equal(await trials.publish('m', 't', first), 'canary');
  const [older, newer] = [await publish(), await publish()];
  assert.equal(await trials.publish('m', 't', older), 'waiting');
  assert.equal(await trials.publish('m', 't', newer), 'waiting');
  assert.equal(rollout.of('m', 't').canary?.adapter, first);
  // As a crash would leave it: nothing is closed.
  const again = await openRollout();
  const restarted = await openTrials(again, { canaryShare: share });
  assert.equal(restarted.view('m', 't').trial?.waiting, newer);
  await again.conclude('m', 't', first, 'take-back');
  restarted.tick();
  await until(() => again.of('m', 't').canary?.adapter === newer, 'the newest is tried out');
  assert.equal(restarted.view('m', 't').trial?.waiting, null);
});

test('who waits and was built on what was taken back, or waits where stable is pinned, is not served', async () => {
  for (const isPinned of [false, true]) {
    const rollout = await openRollout();
    const trials = await openTrials(rollout, { canaryShare: share });
    const bad = await publish();
    await trials.publish('m', 't', bad);
    const onTop = await publish(isPinned ? {} : { parent: bad });
    assert.equal(await trials.publish('m', 't', onTop), 'waiting');
    if (isPinned) await rollout.promote('m', 't', null, { pinned: true });
    await rollout.conclude('m', 't', bad, isPinned ? 'drop' : 'take-back');
    trials.tick();
    await until(() => trials.view('m', 't').trial?.waiting === null, 'nobody waits');
    assert.equal(rollout.of('m', 't').canary, null);
    assert.match(told.at(-1)!, /not wanted/);
  }
});

test('an experiment goes on after a restart from where it was saved', async () => {
  const first = await openRollout();
  const [stable, canary] = [await publish(), await publish()];
  await first.promote('m', 't', stable);
  await first.setCanary('m', 't', { adapter: canary, share });
  const before = await openTrials(first);
  const fails = (adapter: string | null) => (adapter === canary ? failure : answer);
  let [n, numFailed] = [0, 0];
  for (; numFailed < 2; n++) if (ask(first, before, `key ${n}`, fails) === canary) numFailed++;
  const seen = before.view('m', 't').trial;
  nowMs += 5_000;
  before.tick();
  const file = join(layout.trials, 'm', 't.json');
  await until(() => readdirSync(join(layout.trials, 'm')).includes('t.json'), 'it is saved');
  await before.close();
  const rollout = await openRollout();
  const after = await openTrials(rollout);
  assert.deepEqual(after.view('m', 't').trial, seen);
  for (; numFailed < 3; n++) if (ask(rollout, after, `key ${n}`, fails) === canary) numFailed++;
  await until(() => rollout.of('m', 't').canary === null, 'the third is enough');
  await after.close();
  writeFileSync(file, '{"format":1,"standing":');
  const anew = await openTrials(await openRollout());
  assert.match(problems.join(), /t\.json is unusable and begins anew/);
  assert.deepEqual(
    anew.view('m', 't').decisions.map(({ version }) => version),
    [canary],
  );
});

test('a move that fails is made again, and no move is made twice', async () => {
  const rollout = await openRollout();
  const [stable, canary] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable);
  await rollout.setCanary('m', 't', { adapter: canary, share });
  const ends: string[] = [];
  const fussy: TrialsOptions['rollout'] = Object.assign(Object.create(rollout) as Rollout, {
    conclude: async (...args: Parameters<Rollout['conclude']>) => {
      ends.push(args[3]);
      if (ends.length === 1) throw new Error('no space left');
      return rollout.conclude(...args);
    },
  });
  const trials = await openTrials(fussy);
  const fails = (adapter: string | null) => (adapter === canary ? failure : answer);
  for (let n = 0; n < 40; n++) ask(rollout, trials, `key ${n}`, fails);
  await until(() => problems.length > 0, 'it has failed');
  assert.match(problems[0]!, /no space left/);
  trials.tick();
  assert.equal(ends.length, 1, 'not at once');
  nowMs += 1_000;
  trials.tick();
  for (let n = 40; n < 80; n++) ask(rollout, trials, `key ${n}`, fails);
  await until(() => rollout.of('m', 't').canary === null, 'it is done');
  trials.tick();
  assert.deepEqual(ends, ['take-back', 'take-back']);
  assert.deepEqual([rollout.of('m', 't').stable, rollout.of('m', 't').rolledBack], [stable, [canary]]);
});

test('where stable is pinned a canary that won is not promoted, and nothing is held against it', async () => {
  const rollout = await openRollout();
  const [stable, canary] = [await publish(), await publish()];
  await rollout.promote('m', 't', stable, { pinned: true });
  await rollout.setCanary('m', 't', { adapter: canary, share });
  const trials = await openTrials(rollout, { experiment: { minMs: 0, maxMs: 1_000 } });
  ask(rollout, trials, 'key');
  nowMs += 1_000;
  trials.tick();
  await until(() => rollout.of('m', 't').canary === null, 'it has ended');
  assert.deepEqual([rollout.of('m', 't').stable, rollout.of('m', 't').rolledBack], [stable, []]);
  const [decision] = trials.view('m', 't').decisions;
  assert.deepEqual([decision?.kind, decision?.reason, decision?.effect], ['promote', 'timeout', 'held']);
});

test('a tenant whose name is a path has its file in the folder like any other', async () => {
  const trials = await openTrials(await openRollout());
  const about = { model: 'm', adapter: null, arm: 'stable', conversation: 'k', atMs: nowMs } as const;
  for (const tenant of ['..', '.', 'a/../../b', 'x'.repeat(64)])
    trials.observe({ ...about, tenant, happened: answer });
  await trials.close();
  assert.deepEqual(readdirSync(join(layout.trials, 'm')).length, 4);
  const again = await openTrials(await openRollout());
  assert.equal(again.view('m', 'a/../../b').trial?.usual.requests, 1);
});
