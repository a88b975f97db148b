import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleSizePerArm } from '../../../core/stats/power.ts';
import { Experiment } from './experiment.ts';
import { newExperiment } from './experiment-state.ts';
import type { Outcome } from './observation.ts';
import { numRated } from './quality-sums.ts';
import { type Behaviour, calmTraffic, simulate, type Traffic, withCanary } from './simulated-traffic.ts';
import { decide, type Reason } from './verdict.ts';

interface End {
  readonly reason: Reason;
  /** Of the canary, up to the verdict. */
  readonly numRequests: number;
  readonly numRated: number;
}

/** How the experiment of this seed ends, looked at after every outcome that is not `lost`. */
function endOf(seed: number, traffic: Traffic, isLost: (outcome: Outcome) => boolean = () => false): End {
  const share = traffic.share(0);
  const options = { minMs: 0, qualityMargin: 0, maxMs: traffic.numRequests - 1 };
  const experiment = new Experiment(newExperiment({ id: 'differing', startedMs: 0, share, options }));
  let reason: Reason = 'running';
  simulate(seed, traffic, (arm, outcome, index) => {
    if (arm === 'canary' && isLost(outcome)) return false;
    experiment.record(arm, outcome);
    reason = decide(experiment, index)[1];
    return reason !== 'running';
  });
  const { tally, quality } = experiment.arms.canary;
  return { reason, numRequests: tally.requests, numRated: numRated(quality) };
}

const endsOf = (numRuns: number, traffic: Traffic): readonly End[] =>
  Array.from({ length: numRuns }, (_, run) => endOf(run + 1, traffic));

/** The value that so large a share of all do not exceed. */
function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
}

interface Case {
  readonly name: string;
  readonly changes: Partial<Behaviour>;
  readonly reasons: readonly Reason[];
  readonly share: number;
  /** Requests of the canary until the verdict. */
  readonly maxMedian: number;
  readonly maxNineTenths: number;
}

const failing: readonly Reason[] = ['failures', 'failures-in-row'];
const cases: readonly Case[] = [
  {
    name: 'every request fails',
    changes: { failureChance: 1 },
    reasons: failing,
    share: 0.1,
    maxMedian: 3,
    maxNineTenths: 4,
  },
  {
    name: 'every request fails',
    changes: { failureChance: 1 },
    reasons: failing,
    share: 0.5,
    maxMedian: 4,
    maxNineTenths: 8,
  },
  {
    name: '10 % instead of 1 % fail',
    changes: { failureChance: 0.1 },
    reasons: failing,
    share: 0.1,
    maxMedian: 80,
    maxNineTenths: 150,
  },
  {
    name: '10 % instead of 1 % fail',
    changes: { failureChance: 0.1 },
    reasons: failing,
    share: 0.5,
    maxMedian: 150,
    maxNineTenths: 250,
  },
  {
    name: 'a token takes twice as long',
    changes: { tpotMs: 40 },
    reasons: ['tpot'],
    share: 0.1,
    maxMedian: 30,
    maxNineTenths: 60,
  },
  {
    name: 'a token takes twice as long',
    changes: { tpotMs: 40 },
    reasons: ['tpot'],
    share: 0.5,
    maxMedian: 100,
    maxNineTenths: 150,
  },
  {
    name: 'the first token takes three times as long',
    changes: { ttftMs: 600 },
    reasons: ['ttft'],
    share: 0.1,
    maxMedian: 25,
    maxNineTenths: 40,
  },
  {
    name: '20 % instead of 2 % are corrected',
    changes: { correctionChance: 0.2 },
    reasons: ['corrections', 'worse-quality'],
    share: 0.1,
    maxMedian: 60,
    maxNineTenths: 120,
  },
];

for (const { name, changes, reasons, share, maxMedian, maxNineTenths } of cases) {
  test(`${name}, with ${100 * share} % for the canary: found within ${maxMedian} of its requests, mostly`, (context) => {
    const ends = endsOf(100, withCanary({ ...calmTraffic, numRequests: 4000, share: () => share }, changes));
    const rightly = ends.filter(({ reason }) => reasons.includes(reason)).length;
    const sizes = ends.map(({ numRequests }) => numRequests);
    const [median, nineTenths] = [quantile(sizes, 0.5), quantile(sizes, 0.9)];
    context.diagnostic(`median ${median}, nine tenths ${nineTenths}; ${rightly} of 100 for the right reason`);
    assert.ok(rightly >= 97, ends.map(({ reason }) => reason).join(' '));
    assert.ok(median <= maxMedian && nineTenths <= maxNineTenths, `${median}, ${nineTenths}`);
  });
}

for (const [d, numRuns, maxMedian] of [
  [0.5, 100, 150],
  [-0.5, 100, 150],
  [-0.2, 20, 900],
] as const) {
  test(`a quality that differs by d = ${d} is found with a median of at most ${maxMedian} rated units per arm`, (context) => {
    const base: Traffic = { ...calmTraffic, numRequests: 8000, ratedChance: 1, qualitySpread: 0.25 };
    const versions = { ...base.versions.stable, failureChance: 0, correctionChance: 0, quality: 0 };
    const traffic = withCanary(
      { ...base, versions: { stable: versions, canary: versions } },
      { quality: d * base.qualitySpread },
    );
    const ends = endsOf(numRuns, traffic);
    const sizes = ends.map((end) => end.numRated);
    const expected: Reason = d > 0 ? 'better-quality' : 'worse-quality';
    const fixed = sampleSizePerArm({ effectSize: d });
    context.diagnostic(
      `median ${quantile(sizes, 0.5)}, nine tenths ${quantile(sizes, 0.9)}; one look takes ${fixed}`,
    );
    assert.ok(ends.filter(({ reason }) => reason === expected).length >= 0.97 * numRuns);
    assert.ok(quantile(sizes, 0.5) <= maxMedian, String(quantile(sizes, 0.5)));
  });
}

test('an arm whose outcomes get lost is noticed, and not blamed', () => {
  const traffic = { ...calmTraffic, numRequests: 3000 };
  const ends = Array.from({ length: 20 }, (_, run) => endOf(run + 1, traffic, ({ unit }) => unit % 3 === 0));
  const numBroken = ends.filter(({ reason }) => reason === 'split-broken').length;
  assert.ok(numBroken >= 19, ends.map(({ reason }) => reason).join(' '));
});
