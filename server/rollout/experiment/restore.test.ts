import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../../core/rng.ts';
import type { Arm } from './assign.ts';
import { Experiment } from './experiment.ts';
import { newExperiment } from './experiment-state.ts';
import type { Outcome } from './observation.ts';
import { newPeriod, Period } from './period.ts';
import { restoreExperiment, restoreWatch } from './restore.ts';
import { calmTraffic, simulate, type Traffic } from './simulated-traffic.ts';
import { evidenceOf, judge } from './verdict.ts';
import { Watch } from './watch.ts';
import { newWatch } from './watch-state.ts';

const traffic: Traffic = { ...calmTraffic, newUnitChance: 0.6, unitShare: 0.5, pastWeight: 0.6 };

function outcomesOf(seed: number, numRequests: number): readonly (readonly [Arm, Outcome])[] {
  const outcomes: [Arm, Outcome][] = [];
  simulate(seed, { ...traffic, numRequests }, (arm, outcome) => outcomes.push([arm, outcome]) < 0);
  return outcomes;
}

const begin = (): Experiment => new Experiment(newExperiment({ id: 'e', startedMs: 0, share: 0.5 }));

function restored(experiment: Experiment): Experiment {
  const copy = restoreExperiment(JSON.parse(JSON.stringify(experiment.state())));
  assert.ok(copy instanceof Experiment);
  return copy;
}

test('an experiment restored at any time goes on as if nothing had happened', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const outcomes = outcomesOf(seed, 2000);
    const breaks = createRng(seed);
    let interrupted = begin();
    const whole = begin();
    for (const [index, [arm, outcome]] of outcomes.entries()) {
      whole.record(arm, outcome);
      if (breaks.next() < 0.003) interrupted = restored(interrupted);
      interrupted.record(arm, outcome);
      assert.equal(judge(interrupted, index).reason, judge(whole, index).reason);
    }
    assert.deepEqual(evidenceOf(interrupted), evidenceOf(whole), `seed ${seed}`);
    assert.deepEqual(interrupted.state(), whole.state(), `seed ${seed}`);
  }
});

test('a state is a copy', () => {
  const experiment = begin();
  const state = experiment.state();
  experiment.record('canary', { kind: 'failure', unit: 1 });
  assert.equal(state.arms.canary.tally.failures, 0);
});

test('the state of an experiment stays below 100 kB, however long it goes on', () => {
  const experiment = begin();
  const sizes: number[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    for (const [arm, outcome] of outcomesOf(seed, 2000)) experiment.record(arm, outcome);
    sizes.push(JSON.stringify(experiment.state()).length);
  }
  assert.ok(Math.max(...sizes) < 100_000, sizes.join(' '));
  assert.ok(sizes.at(-1)! < 1.05 * sizes[1]!, sizes.join(' '));
});

test('a watch restored goes on as if nothing had happened, and its state stays below 200 kB', () => {
  const usual = new Period();
  for (const [, outcome] of outcomesOf(1, 3000)) usual.record(outcome);
  const whole = new Watch(newWatch({ usual: usual.state(), startedMs: 0 }));
  let interrupted = new Watch(newWatch({ usual: usual.state(), startedMs: 0 }));
  for (const [index, [, outcome]] of outcomesOf(2, 3000).entries()) {
    if (index % 700 === 350) {
      const text = JSON.stringify(interrupted.state());
      assert.ok(text.length < 200_000, String(text.length));
      const copy = restoreWatch(JSON.parse(text));
      assert.ok(copy instanceof Watch);
      interrupted = copy;
    }
    assert.deepEqual(interrupted.record(outcome, index), whole.record(outcome, index));
  }
  assert.deepEqual(interrupted.state(), whole.state());
});

type Json = Record<string, unknown>;

test('what is no state of ours is refused with a reason', () => {
  const state = begin().state() as unknown as Json;
  const damages: readonly unknown[] = [
    null,
    [],
    'text',
    {},
    { ...state, format: 2 },
    { ...state, share: 1 },
    { ...state, share: '0.5' },
    { ...state, startedMs: null },
    { ...state, units: [[1, 2, 3]] },
    { ...state, units: [[1, 0, 0, 0, 0, Number.NaN]] },
    { ...state, wagers: { ...(state.wagers as Json), failed: { logWealth: [0], peak: 0 } } },
    { ...state, windows: { ...(state.windows as Json), stable: { ttft: [], tpot: Array(5000).fill(1) } } },
    { ...state, arms: { ...(state.arms as Json), canary: {} } },
    { ...state, options: { ...(state.options as Json), atTimeout: 'never' } },
    { ...state, options: { ...(state.options as Json), minMs: 1e15 } },
  ];
  for (const [index, damage] of damages.entries())
    assert.ok('problem' in restoreExperiment(damage), `damage ${index}`);
  assert.ok('problem' in restoreWatch({ ...newWatch({ usual: newPeriod(), startedMs: 0 }), since: {} }));
});
