import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Experiment } from './experiment.ts';
import { newExperiment } from './experiment-state.ts';
import { isHarm } from './harm.ts';
import type { AlarmLevels } from './options.ts';
import { experimentDefaults } from './options.ts';
import { calmTraffic, simulate, type Traffic } from './simulated-traffic.ts';
import { decide, type Reason } from './verdict.ts';

/**
 * What is simulated: 4 kinds of traffic, 500 experiments of each, 500 requests in each, which with ratings and corrections are
 * 650 to 1,000 outcomes, after each of which the verdict is asked for.
 */
const numRequests = 500;
const endless = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER };

/** What is wrongly said of two versions that are alike, at a look after every outcome; null when nothing is. */
function falseAlarm(seed: number, traffic: Traffic, levels: AlarmLevels): Reason | null {
  const options = { ...endless, levels };
  const experiment = new Experiment(
    newExperiment({ id: 'alike', startedMs: 0, share: traffic.share(0), options }),
  );
  let alarm: Reason | null = null;
  simulate(seed, { ...traffic, numRequests }, (arm, outcome, index) => {
    if (traffic.share(index) > experiment.share) experiment.grow(traffic.share(index));
    experiment.record(arm, outcome);
    // A promotion because quality is not lower would be right, and end the looks: they go on here.
    const [, reason] = decide(experiment, index);
    if (isHarm(reason) || reason === 'split-broken' || reason === 'better-quality') alarm = reason;
    return alarm !== null;
  });
  return alarm;
}

const thumbs = (quality: number): number => (quality > 0 ? 1 : -1);
const stars = (quality: number): number => Math.max(-2, Math.min(2, Math.round(2 * quality))) / 2;

/** What simulated traffic is like: each may tempt a test that takes requests for independent or time for still. */
const kinds: Readonly<Record<string, Traffic>> = {
  'single requests, 15 % for the canary, all rated by thumbs': {
    ...calmTraffic,
    share: () => 0.15,
    ratedChance: 1,
    scale: thumbs,
  },
  'conversations of one mood and pace, half and half, stars, known users': {
    ...calmTraffic,
    newUnitChance: 0.4,
    unitShare: 0.7,
    latencySpread: 0.8,
    scale: stars,
    pastWeight: 0.7,
  },
  'load spikes, outages': {
    ...calmTraffic,
    share: () => 0.3,
    newUnitChance: 0.5,
    unitShare: 0.3,
    weather: (index) => ({
      slowness: index % 200 < 50 ? 4 : 1,
      load: 1,
      failureChance: index % 400 < 12 ? 1 : 0,
    }),
  },
  'a growing canary, heavy tails, many failures and corrections, thumbs mostly up': {
    ...calmTraffic,
    versions: {
      stable: { ...calmTraffic.versions.stable, failureChance: 0.08, correctionChance: 0.1, quality: 0.55 },
      canary: { ...calmTraffic.versions.stable, failureChance: 0.08, correctionChance: 0.1, quality: 0.55 },
    },
    share: (index) => (index < 200 ? 0.05 : index < 500 ? 0.2 : 0.5),
    newUnitChance: 0.6,
    unitShare: 0.3,
    latencySpread: 1,
    scale: thumbs,
  },
};

const numRuns = 500;

/** Of seeds 1, 2, …, in order. */
const alarmsIn = (traffic: Traffic, runs: number, levels: AlarmLevels): readonly Reason[] =>
  Array.from({ length: runs }, (_, run) => falseAlarm(run + 1, traffic, levels)).filter(
    (alarm) => alarm !== null,
  );

for (const [name, traffic] of Object.entries(kinds)) {
  test(`of 500 experiments with versions alike, at most 5 % end in a false alarm: ${name}`, (context) => {
    const alarms = alarmsIn(traffic, numRuns, experimentDefaults.levels);
    context.diagnostic(`${alarms.length} of ${numRuns}: ${alarms.join(' ')}`);
    assert.ok(alarms.length <= 0.05 * numRuns, `${alarms.length} of ${numRuns}: ${alarms.join(' ')}`);
  });
}

test('the same traffic raises alarms in more than a tenth of the experiments at levels of 0.4', () => {
  const loose = { quality: 0.4, failures: 0.4, corrections: 0.4, latency: 0.4 };
  const numAlarms = Object.values(kinds).map((traffic) => alarmsIn(traffic, 25, loose).length);
  assert.ok(Math.min(...numAlarms) > 2.5, numAlarms.join(' '));
});
