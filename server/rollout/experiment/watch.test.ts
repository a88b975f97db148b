import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHarm } from './harm.ts';
import type { Outcome } from './observation.ts';
import { newPeriod, Period } from './period.ts';
import { qualityMoments } from './quality-sums.ts';
import {
  type Behaviour,
  calmTraffic,
  simulate,
  type Traffic,
  type Weather,
  withCanary,
} from './simulated-traffic.ts';
import { Watch, type WatchVerdict } from './watch.ts';
import { newWatch, type WatchOptions } from './watch-state.ts';

/** The version before answers so many requests, then the alias moves. */
const numBefore = 300;
const base: Traffic = {
  ...calmTraffic,
  numRequests: numBefore + 400,
  share: (index) => (index < numBefore ? 0 : 1),
  newUnitChance: 0.5,
  unitShare: 0.3,
};

interface WatchEnd {
  readonly verdict: WatchVerdict;
  /** Requests of the new version, and outcomes with ratings and corrections, up to the verdict. */
  readonly numRequests: number;
}

function watchOf(seed: number, traffic: Traffic): WatchEnd {
  const usual = new Period();
  let watch: Watch | null = null;
  let verdict: WatchVerdict = { kind: 'continue', reason: 'running', evidence: null };
  simulate(seed, traffic, (arm, outcome) => {
    if (arm === 'stable') usual.record(outcome);
    else {
      watch ??= new Watch(newWatch({ usual: usual.state(), startedMs: 0 }));
      verdict = watch.record(outcome, 0);
    }
    return verdict.kind !== 'continue';
  });
  return { verdict, numRequests: (watch as Watch | null)!.since.tally.requests };
}

const watchesOf = (numRuns: number, traffic: Traffic): readonly WatchEnd[] =>
  Array.from({ length: numRuns }, (_, run) => watchOf(run + 1, traffic));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

for (const [name, traffic] of [
  ['as before', base],
  [
    'five per cent fail, as before',
    withCanary(
      { ...base, versions: { ...base.versions, stable: { ...base.versions.stable, failureChance: 0.05 } } },
      {},
    ),
  ],
  [
    'the load triples latencies at times',
    {
      ...base,
      weather: (index: number): Weather =>
        Math.floor(index / 70) % 3 === 2
          ? { slowness: 3, load: 8, failureChance: 0 }
          : { slowness: 1, load: 1, failureChance: 0 },
    },
  ],
  [
    'a load never met before triples latencies',
    {
      ...base,
      weather: (index: number): Weather =>
        index >= numBefore
          ? { slowness: 3, load: 8, failureChance: 0 }
          : { slowness: 1, load: 1, failureChance: 0 },
    },
  ],
] as const) {
  test(`of 100 watches over a version like the one before, at most 5 % roll it back: ${name}`, (context) => {
    const alarms = watchesOf(100, traffic).filter(({ verdict }) => verdict.kind === 'rollback');
    const reasons = alarms.map(({ verdict }) => verdict.reason).join(' ');
    context.diagnostic(`${alarms.length} of 100: ${reasons}`);
    assert.ok(alarms.length <= 5, reasons);
  });
}

for (const [name, changes, reasons, maxMedian] of [
  ['every request fails', { failureChance: 1 }, ['failures', 'failures-in-row'], 3],
  ['20 % instead of 1 % fail', { failureChance: 0.2 }, ['failures', 'failures-in-row'], 25],
  ['10 % instead of 1 % fail', { failureChance: 0.1 }, ['failures', 'failures-in-row'], 100],
  ['a token takes twice as long', { tpotMs: 40 }, ['tpot'], 90],
  ['30 % instead of 2 % are corrected', { correctionChance: 0.3 }, ['corrections'], 25],
  ['ratings fall by d = 1', { quality: -0.2 }, ['worse-quality'], 300],
] as readonly [string, Partial<Behaviour>, readonly string[], number][]) {
  test(`${name} since the alias moved: noticed within ${maxMedian} requests, mostly`, (context) => {
    const ends = watchesOf(40, withCanary(base, changes));
    const rightly = ends.filter(({ verdict }) => reasons.includes(verdict.reason)).length;
    const size = median(ends.map(({ numRequests }) => numRequests));
    context.diagnostic(`median ${size}; ${rightly} of 40`);
    assert.ok(rightly >= 38, ends.map(({ verdict }) => verdict.reason).join(' '));
    assert.ok(size <= maxMedian, String(size));
  });
}

const answer = (unit: number): Outcome => ({ kind: 'answer', unit, ttftMs: 100, tpotMs: 10, load: 1 });
const begin = (options: Partial<WatchOptions> = {}): Watch =>
  new Watch(newWatch({ usual: newPeriod(), startedMs: 1_000, options }));

test('without anything known from before, three failures in a row are enough', () => {
  const watch = begin();
  for (const unit of [1, 2, 3, 4, 5]) watch.record(answer(unit), 1_001);
  watch.record({ kind: 'failure', unit: 6 }, 1_001);
  assert.equal(watch.record({ kind: 'failure', unit: 7 }, 1_001).kind, 'continue');
  const { kind, reason } = watch.record({ kind: 'failure', unit: 8 }, 1_001);
  assert.equal(kind, 'rollback');
  assert.ok(isHarm(reason));
});

test('a watch lets go after its time and its requests, or at its end', () => {
  const options = { minMs: 100, minRequests: 2, maxMs: 1_000 };
  const watch = begin(options);
  watch.record(answer(1), 1_001);
  assert.equal(watch.verdict(1_500).kind, 'continue');
  assert.equal(watch.record(answer(2), 1_099).kind, 'continue');
  assert.equal(watch.verdict(1_100).kind, 'settled');
  assert.equal(begin(options).verdict(1_999).kind, 'continue');
  assert.equal(begin(options).verdict(2_000).kind, 'settled');
});

test('what was observed since becomes part of what is usual, of which the older half fades', () => {
  const [usual, next] = [new Period(), new Period()];
  for (let unit = 0; unit < 1000; unit++) usual.record(answer(unit));
  for (let unit = 0; unit < 10; unit++) next.record({ kind: 'failure', unit });
  usual.absorb(next);
  assert.deepEqual([usual.tally.units, usual.tally.failures], [1010, 10]);
  for (let unit = 10; unit < 100; unit++) next.record(answer(unit));
  usual.absorb(next);
  assert.deepEqual([usual.tally.units, usual.tally.failures], [1010 / 2 + 100, 10 / 2 + 10]);
  for (let unit = 0; unit < 10_000; unit++) usual.record(answer(unit));
  assert.ok(usual.tally.units <= 1024);
});

test('a unit that outlives a fading is not taken out of sums that hold only half of it', () => {
  const usual = new Period();
  const rating = (value: number): Outcome => ({ kind: 'rating', unit: 0, value, earlier: null });
  for (let unit = 1; unit < 1024; unit++) usual.record(answer(unit));
  usual.record(rating(0.5));
  usual.record(answer(1024));
  usual.record(rating(-1));
  const { count, mean } = qualityMoments(usual.quality);
  assert.deepEqual([count, mean], [1.5, (0.5 * 0.5 - 1) / 1.5]);
});
