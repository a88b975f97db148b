import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arm } from './assign.ts';
import { Experiment } from './experiment.ts';
import { newExperiment } from './experiment-state.ts';
import { isHarm } from './harm.ts';
import type { Outcome } from './observation.ts';
import type { ExperimentOptions } from './options.ts';
import { evidenceOf, judge, type Reason } from './verdict.ts';
import { Wager } from './wager.ts';

const hourMs = 3_600_000;
const start = (options: Partial<ExperimentOptions> = {}, share = 0.5): Experiment =>
  new Experiment(newExperiment({ id: 'e', startedMs: 1_000, share, options }));

const answer = (unit: number, tpotMs = 20): Outcome => ({
  kind: 'answer',
  unit,
  ttftMs: 100,
  tpotMs,
  load: 1,
});
const failure = (unit: number): Outcome => ({ kind: 'failure', unit });
const rating = (unit: number, value: number): Outcome => ({ kind: 'rating', unit, value, earlier: null });

/** Outcomes of units in turn: `numCanary` times so many of stable, then one of the canary. */
function feed(
  experiment: Experiment,
  [stablePerCanary, numCanary]: readonly [number, number],
  outcome: (arm: Arm, unit: number, index: number) => Outcome,
): void {
  const period = stablePerCanary + 1;
  for (let unit = 0; unit < numCanary * period; unit++) {
    const arm = unit % period === stablePerCanary ? 'canary' : 'stable';
    experiment.record(arm, outcome(arm, unit, Math.floor(unit / period)));
  }
}

/** Ratings about a mean for each arm, varying by one half. */
const rated =
  (means: Readonly<Record<Arm, number>>) =>
  (arm: Arm, unit: number, index: number): Outcome =>
    rating(unit, means[arm] + (index % 2 === 0 ? 0.5 : -0.5));

test('an experiment runs while it knows nothing, and shows no evidence', () => {
  assert.deepEqual(judge(start(), 1_000 + hourMs), { kind: 'continue', reason: 'running', evidence: null });
});

test('at its end a canary that did no harm is promoted or stopped, as was said', () => {
  const atEnd = (atTimeout: 'promote' | 'rollback', nowMs: number) =>
    judge(start({ atTimeout, maxMs: 24 * hourMs }), nowMs).kind;
  assert.equal(atEnd('promote', 1_000 + 24 * hourMs - 1), 'continue');
  assert.equal(atEnd('promote', 1_000 + 24 * hourMs), 'promote');
  assert.equal(atEnd('rollback', 1_000 + 24 * hourMs), 'rollback');
  assert.equal(judge(start(), 1_000 + 24 * hourMs).reason, 'timeout');
});

test('three failures of the canary while stable answers roll it back at once', () => {
  const experiment = start();
  for (let unit = 0; unit < 20; unit++) experiment.record('stable', answer(unit));
  experiment.record('canary', failure(101));
  experiment.record('canary', failure(102));
  experiment.record('stable', answer(21));
  assert.equal(judge(experiment, 1_001).kind, 'continue');
  experiment.record('canary', failure(103));
  const { kind, reason } = judge(experiment, 1_001);
  assert.deepEqual([kind, reason], ['rollback', 'failures-in-row']);
});

test('failures of both versions are nobody’s', () => {
  const experiment = start();
  for (let unit = 0; unit < 300; unit++) {
    const outcome = unit % 10 === 0 ? failure : answer;
    experiment.record('canary', outcome(5_000 + unit));
    experiment.record('stable', outcome(6_000 + unit));
  }
  assert.equal(judge(experiment, 1_001).kind, 'continue');
});

test('one conversation that can only fail, tried again, condemns nobody while others answer', () => {
  const experiment = start({}, 0.1);
  for (let round = 0; round < 300; round++) {
    for (let of = 0; of < 9; of++) experiment.record('stable', answer(10 + 9 * round + of));
    experiment.record('canary', answer(2_000_000 + round));
    for (let attempt = 0; attempt < 3; attempt++) experiment.record('canary', failure(7));
  }
  assert.equal(judge(experiment, 1_001).kind, 'continue');
});

test('a canary that is measurably slower, but by less than the factor, stays', () => {
  const slower = (factor: number): Reason => {
    const experiment = start();
    for (let round = 0; round < 300; round++) {
      experiment.record('stable', answer(10_000 + round, 20 + (round % 10)));
      experiment.record('canary', answer(20_000 + round, factor * (20 + (round % 10))));
    }
    return judge(experiment, 1_001).reason;
  };
  assert.equal(slower(1.4), 'running');
  assert.equal(slower(1.6), 'tpot');
});

test('a conversation with several slow answers is one slow unit', () => {
  const [experiment, one] = [start({}, 0.2), new Wager()];
  for (let unit = 0; unit < 64; unit++) experiment.record('stable', answer(unit));
  for (let turn = 0; turn < 3; turn++) experiment.record('canary', answer(99, 500));
  one.bet('event', 0.2);
  assert.equal(evidenceOf(experiment).pValues.tpot, one.pValue);
});

test('worse quality rolls back before the earliest promotion, better quality waits for it', () => {
  const [worse, better] = [start(), start()];
  feed(worse, [1, 60], rated({ stable: 0.4, canary: -0.4 }));
  feed(better, [1, 60], rated({ stable: -0.4, canary: 0.4 }));
  assert.equal(judge(worse, 1_001).reason, 'worse-quality');
  assert.equal(judge(better, 1_001).reason, 'running');
  const { kind, reason, evidence } = judge(better, 1_000 + better.options.minMs);
  assert.deepEqual([kind, reason], ['promote', 'better-quality']);
  assert.deepEqual(evidence!.quality.ratedUnits, { stable: 60, canary: 60 });
  assert.ok(evidence!.quality.hedgesG!.g > 1 && evidence!.quality.welch!.pValue < 1e-9);
});

test('quality that is certainly not much lower is enough', () => {
  const means = { stable: 0, canary: -0.02 };
  const [experiment, few] = [start({}, 0.2), start({}, 0.2)];
  feed(experiment, [4, 400], rated(means));
  feed(few, [4, 60], rated(means));
  const { kind, reason } = judge(experiment, 1_000 + hourMs);
  assert.deepEqual([kind, reason], ['promote', 'quality-not-lower']);
  assert.equal(judge(few, 1_000 + hourMs).reason, 'running');
});

test('corrections count even where nobody rates', () => {
  const experiment = start({}, 0.1);
  for (let unit = 0; unit < 200; unit++) {
    const arm = unit % 10 === 0 ? 'canary' : 'stable';
    experiment.record(arm, answer(unit));
    if (arm === 'canary' || unit === 5) experiment.record(arm, { kind: 'correction', unit, earlier: null });
  }
  const { kind, reason, evidence } = judge(experiment, 1_001);
  assert.deepEqual([kind, reason], ['rollback', 'corrections']);
  assert.deepEqual(
    [evidence!.tallies.stable.correctedUnits, evidence!.tallies.canary.correctedUnits],
    [1, 20],
  );
});

test('a unit that moved to the grown canary begins anew there, and late news of its old arm are only counted', () => {
  const experiment = start({}, 0.1);
  experiment.record('stable', rating(1, -1));
  experiment.grow(0.5);
  experiment.record('canary', rating(1, 1));
  experiment.record('stable', rating(1, -1));
  const { tallies, quality } = evidenceOf(experiment);
  assert.deepEqual([tallies.stable.units, tallies.canary.units], [1, 1]);
  assert.deepEqual([tallies.stable.judgements, tallies.canary.judgements], [2, 1]);
  assert.deepEqual(quality.ratedUnits, { stable: 1, canary: 1 });
  assert.deepEqual([experiment.split.stable, experiment.split.canary], [1, 0]);
});

test('a broken split stops an experiment, unless the canary does not work at all', () => {
  const experiment = start();
  feed(experiment, [15, 4], (_, unit) => answer(unit));
  const { kind, reason } = judge(experiment, 1_001);
  assert.deepEqual([kind, reason, isHarm(reason)], ['rollback', 'split-broken', false]);
  for (let unit = 1_000; unit < 1_006; unit++) experiment.record('canary', failure(unit));
  assert.equal(judge(experiment, 1_001).reason, 'failures-in-row');
});

test('what speaks against a version is told from what does not', () => {
  for (const reason of ['failures', 'failures-in-row', 'tpot', 'worse-quality'])
    assert.equal(isHarm(reason), true);
  for (const reason of ['split-broken', 'timeout', 'running']) assert.equal(isHarm(reason), false);
});

test('impossible experiments are refused', () => {
  for (const share of [0, 1, Number.NaN]) assert.throws(() => start({}, share), /two arms/);
  assert.throws(() => start({ minMs: 2, maxMs: 1 }), /ends after/);
  assert.throws(
    () => start({ levels: { quality: 0.5, failures: 0.1, corrections: 0.1, latency: 0.1 } }),
    /level/,
  );
  assert.throws(() => start({}, 0.5).grow(0.4), /grows/);
  assert.throws(() => start().record('stable', rating(1, 1.5)), /rating/);
});
