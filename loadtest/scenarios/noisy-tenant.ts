import { distribution } from '../distribution.ts';
import { type Figure, ratioOf } from '../figure.ts';
import type { LoadSpec } from '../load.ts';
import { gapsOf, latencyOf, type Outcome, ttftOf } from '../outcome.ts';
import type { Scenario } from '../scenario.ts';

/** The flood's requests for each of the others'. */
const floodFactor = 10;

export const noisyTenant: Scenario = {
  name: 'noisy-tenant',
  answers: 'What do the others notice when one key floods the server?',
  holds: [
    'calm.failed.share <= 0%',
    'flooded.failed.share <= 0%',
    'ttft.p99Ratio <= 1.3x',
    'interToken.p99Ratio <= 1.3x',
    'latency.p99Ratio <= 1.3x',
  ],
  missing: ({ noisyKey }) =>
    noisyKey === null ? '--noisy-key, the key of the tenant that floods; the others use --key' : null,
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, perSecond: 10, promptTokens: 16, outputTokens: 8, numRequests: 20, seconds: 2 },
      full: { clients: 4, perSecond: 1, promptTokens: 64, outputTokens: 32, numRequests: 400, seconds: 30 },
    });
    const perSecond = size.perSecond ?? 1;
    const numRounds = rig.profile === 'smoke' ? 1 : 3;
    const seconds = size.seconds / numRounds;
    const lengths = {
      promptTokens: size.promptTokens,
      outputTokens: size.outputTokens,
      maxMs: seconds * 1000,
    };
    const arrivalsOf = (rate: number, seed: number): LoadSpec => ({
      ...lengths,
      numRequests: Math.max(1, Math.round(rate * seconds)),
      arrivals: { kind: 'poisson', perSecond: rate },
      seed,
    });
    const outcomes = { calm: [] as Outcome[], flooded: [] as Outcome[], flood: [] as Outcome[] };
    // By turns, so that a machine that changes its speed changes both.
    for (let round = 0; round < numRounds; round++) {
      const others = arrivalsOf(perSecond, rig.seed + round);
      outcomes.calm.push(...(await rig.load('calm', others)).outcomes);
      const flood = rig.load('flood', arrivalsOf(floodFactor * perSecond, rig.seed + 1_000 + round), {
        target: rig.targetOf({ key: rig.given.noisyKey }),
      });
      const [flooded, noise] = await Promise.all([rig.load('flooded', others), flood]);
      outcomes.flooded.push(...flooded.outcomes);
      outcomes.flood.push(...noise.outcomes);
    }
    return {
      loads: [
        rig.loadOf('calm', `the others alone, ${perSecond} requests/s`, outcomes.calm),
        rig.loadOf('flooded', 'the same beside the flood', outcomes.flooded),
        rig.loadOf('flood', `one key, ${floodFactor * perSecond} requests/s`, outcomes.flood),
      ],
      figures: ratios(outcomes),
    };
  },
};

type Round = Readonly<Record<'calm' | 'flooded', readonly Outcome[]>>;

function ratios({ calm, flooded }: Round): Figure[] {
  const p99 = (
    outcomes: readonly Outcome[],
    times: (outcome: Outcome) => readonly number[],
  ): number | null => {
    const found = distribution(outcomes.filter(({ ok }) => ok).flatMap(times));
    return found.count === 0 ? null : found.p99Ms;
  };
  const kinds = [
    ['ttft', (outcome: Outcome) => [ttftOf(outcome)]],
    ['interToken', gapsOf],
    ['latency', (outcome: Outcome) => [latencyOf(outcome)]],
  ] as const;
  return kinds.map(([name, times]) => ({
    path: `${name}.p99Ratio`,
    value: ratioOf(p99(flooded, times), p99(calm, times)),
    unit: 'ratio',
  }));
}
