import type { Scenario } from '../scenario.ts';

/** Of what the closed loop reached: busy, and not yet full. */
const shareOfCapacity = 0.6;
/** More arrivals than this are no load for one generator. */
const maxPerSecond = 2_000;

export const steady: Scenario = {
  name: 'steady',
  answers: 'What does the server do, and how fast does it answer, when nothing special happens?',
  holds: ['failed.share <= 0%'],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, promptTokens: 16, outputTokens: 8, numRequests: 40, seconds: 2 },
      full: { clients: 8, promptTokens: 128, outputTokens: 64, numRequests: 2_000, seconds: 30 },
    });
    const { clients, seconds, promptTokens, outputTokens } = size;
    const lengths = { promptTokens, outputTokens, maxMs: seconds * 1000 };
    const closed = await rig.load('closed', {
      ...lengths,
      numRequests: size.numRequests,
      arrivals: { kind: 'closed', clients },
      seed: rig.seed,
    });
    const most = Math.min(maxPerSecond, shareOfCapacity * closed.summary.requestsPerSecond);
    const perSecond = size.perSecond ?? most;
    if (perSecond === 0) throw new Error(`Nothing was answered: ${closed.summary.errors.join('; ')}`);
    const open = await rig.load('poisson', {
      ...lengths,
      numRequests: Math.min(size.numRequests, Math.max(1, Math.round(perSecond * seconds))),
      arrivals: { kind: 'poisson', perSecond },
      seed: rig.seed + 1_000,
    });
    return { loads: [closed, open], figures: [] };
  },
};
