import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, nextGaussian, type Rng } from '../rng.ts';
import type { Arms } from './arms.ts';
import { normalQuantile } from './distribution.ts';
import { sequentialMargin, sequentialTest } from './sequential.ts';
import { type Moments, momentsOf, noMoments, withValue } from './summary.ts';

type Draw = (rng: Rng) => number;
type Look = (arms: Arms) => boolean;

const normal: Draw = nextGaussian;
const binary =
  (rate: number): Draw =>
  (rng) =>
    rng.next() < rate ? 1 : 0;
const exponential: Draw = (rng) => -Math.log(1 - rng.next());
const logNormal: Draw = (rng) => Math.exp(nextGaussian(rng));

interface Experiment {
  readonly control: Draw;
  readonly treatment: Draw;
  readonly maxObservations: number;
  /** Share of the treatment in traffic, after so many observations. */
  readonly share: (seen: number) => number;
}

const half = (): number => 0.5;
const ramp = (seen: number): number => (seen < 400 ? 0.05 : seen < 1000 ? 0.2 : 0.5);

/** Observations until `isOver`, looked at after each; null when there are no more. */
function observe(seed: number, experiment: Experiment, isOver: Look): Arms<number> | null {
  const rng = createRng(seed);
  let [control, treatment]: [Moments, Moments] = [noMoments, noMoments];
  for (let seen = 0; seen < experiment.maxObservations; seen++) {
    if (rng.next() < experiment.share(seen)) treatment = withValue(treatment, experiment.treatment(rng));
    else control = withValue(control, experiment.control(rng));
    if (isOver({ control, treatment })) return { control: control.count, treatment: treatment.count };
  }
  return null;
}

const isDecided: Look = (arms) => sequentialTest(arms, { better: 'higher' }).verdict !== 'undecided';

/** Counts at which runs of seeds 1, 2, … ended, of those that did. */
function endings(numRuns: number, experiment: Experiment, isOver: Look): readonly Arms<number>[] {
  const runs = Array.from({ length: numRuns }, (_, run) => observe(run + 1, experiment, isOver));
  return runs.filter((counts) => counts !== null);
}

const numRuns = 2000;
const sameArms = (draw: Draw, share: (seen: number) => number): Experiment => ({
  control: draw,
  treatment: draw,
  maxObservations: 2000,
  share,
});

for (const [name, draw, share] of [
  ['normal', normal, half],
  ['binary, at a rate of 0.5', binary(0.5), half],
  ['binary, at a rate of 0.02, the canary growing', binary(0.02), ramp],
  ['log-normal', logNormal, half],
  ['log-normal, the canary growing', logNormal, ramp],
] as const) {
  test(`of 2,000 A/A runs looked at 2,000 times, at most 5 % raise an alarm: ${name}`, (context) => {
    const alarms = endings(numRuns, sameArms(draw, share), isDecided).length;
    context.diagnostic(`${(100 * alarms) / numRuns} %`);
    assert.ok(alarms <= 0.05 * numRuns, `${alarms} of ${numRuns}`);
  });
}

test('the same looks with a test for one look raise alarms in more than a quarter of the runs', () => {
  const critical = -normalQuantile(0.025);
  const isSignificant: Look = ({ control, treatment }) => {
    const error = Math.sqrt(control.variance / control.count + treatment.variance / treatment.count);
    return (
      control.count >= 50 &&
      treatment.count >= 50 &&
      Math.abs(treatment.mean - control.mean) > critical * error
    );
  };
  assert.ok(endings(300, sameArms(normal, half), isSignificant).length > 75);
});

test('the interval holds the true difference at all looks in 95 % of the runs, whatever it is', () => {
  const cases: readonly (readonly [difference: number, control: Draw, treatment: Draw])[] = [
    [0.5, normal, (rng) => 0.5 + normal(rng)],
    [0, (rng) => 1 + 3 * normal(rng), (rng) => 1 + normal(rng)],
    [-0.4, binary(0.9), binary(0.5)],
    [1, exponential, (rng) => 2 * exponential(rng)],
  ];
  for (const [difference, control, treatment] of cases) {
    const experiment = { control, treatment, maxObservations: 1500, share: half };
    const isMissed: Look = (arms) => {
      const { interval } = sequentialTest(arms, { better: 'higher' });
      return interval !== null && (interval.lower > difference || interval.upper < difference);
    };
    const missed = endings(400, experiment, isMissed).length;
    assert.ok(missed <= 0.05 * 400, `${missed} of 400 at ${difference}`);
  }
});

for (const [effect, maxPerArm] of [
  [0.5, 150],
  [0.2, 900],
] as const) {
  test(`an effect of ${effect} is found in a median of at most ${maxPerArm} per arm`, (context) => {
    const treatment: Draw = (rng) => effect + normal(rng);
    const experiment = { control: normal, treatment, maxObservations: 8000, share: half };
    const ends = endings(400, experiment, isDecided);
    assert.equal(ends.length, 400, 'each run ends');
    const sizes = ends.map((counts) => (counts.control + counts.treatment) / 2).sort((a, b) => a - b);
    context.diagnostic(`median ${sizes[200]}, nine tenths ${sizes[360]}`);
    assert.ok(sizes[200]! <= maxPerArm, `${sizes[200]}`);
  });
}

const arms = {
  control: momentsOf(Array.from({ length: 200 }, (_, index) => index % 5)),
  treatment: momentsOf(Array.from({ length: 90 }, (_, index) => 2 + (index % 5))),
};

test('arms alike are as many pairs as the mean of their counts that is harmonic', () => {
  const like = (count: number): Moments => ({ count, mean: 3, variance: 0.7 });
  for (const [control, treatment, pairs] of [
    [80, 80, 80],
    [60, 120, 80],
    [1e12, 50, 100],
  ] as const) {
    const { interval } = sequentialTest(
      { control: like(control), treatment: like(treatment) },
      { better: 'higher', alpha: 0.01, tightestAt: 300 },
    );
    const margin = sequentialMargin({ count: pairs, variance: 1.4 }, { alpha: 0.01, tightestAt: 300 });
    assert.ok(Math.abs(interval!.upper / margin - 1) < 1e-9);
    assert.equal(interval!.lower, -interval!.upper);
  }
});

test('more is better or worse as is asked for, and exchanged arms say the opposite', () => {
  const verdictOf = (of: Arms, better: 'higher' | 'lower') => sequentialTest(of, { better }).verdict;
  const exchanged = { control: arms.treatment, treatment: arms.control };
  assert.equal(verdictOf(arms, 'higher'), 'better');
  assert.equal(verdictOf(arms, 'lower'), 'worse');
  assert.equal(verdictOf(exchanged, 'higher'), 'worse');
  assert.equal(verdictOf(exchanged, 'lower'), 'better');
});

test('another unit changes the interval by its factor and nothing else', () => {
  const inUnit = ({ count, mean, variance }: Moments) => ({
    count,
    mean: mean * 1e3,
    variance: variance * 1e6,
  });
  const plain = sequentialTest(arms, { better: 'higher' }).interval!;
  const other = sequentialTest(
    { control: inUnit(arms.control), treatment: inUnit(arms.treatment) },
    { better: 'higher' },
  ).interval!;
  assert.ok(Math.abs(other.lower / plain.lower - 1e3) < 1e-9);
  assert.ok(Math.abs(other.upper / plain.upper - 1e3) < 1e-9);
});

test('two arms that never vary are told apart when they differ', () => {
  const constant = (value: number) => momentsOf(Array.from({ length: 50 }, () => value));
  const { verdict } = sequentialTest({ control: constant(1), treatment: constant(0) }, { better: 'higher' });
  assert.equal(verdict, 'worse');
});

test('nothing is said of too few observations, nor of arms that have never varied', () => {
  const unknown = { verdict: 'undecided', estimate: null, interval: null };
  const few = { control: arms.control, treatment: momentsOf([90, 91, 92]) };
  assert.deepEqual(sequentialTest(few, { better: 'higher' }), unknown);
  assert.deepEqual(
    sequentialTest({ control: noMoments, treatment: noMoments }, { better: 'higher', minPerArm: 0 }),
    unknown,
  );
  const constant = momentsOf(Array.from({ length: 500 }, () => 1));
  assert.deepEqual(sequentialTest({ control: constant, treatment: constant }, { better: 'higher' }), unknown);
});

test('a level of confidence that is none is refused', () => {
  for (const alpha of [0, 0.5, 1])
    assert.throws(() => sequentialTest(arms, { better: 'higher', alpha }), /alpha/);
});
