import type { Scenario } from '../scenario.ts';

/** For sweeps and capacity planning: everything comes from the command line. */
export const load: Scenario = {
  name: 'load',
  answers: 'One load as the options say: --clients in a closed loop, or --rate in an open one.',
  holds: [],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, promptTokens: 16, outputTokens: 8, numRequests: 8, seconds: 10 },
      full: { clients: 16, promptTokens: 128, outputTokens: 64, numRequests: 64, seconds: 60 },
    });
    const { clients, perSecond, seconds, ...lengths } = size;
    const arrivals =
      perSecond === null ? ({ kind: 'closed', clients } as const) : ({ kind: 'poisson', perSecond } as const);
    const spec = { ...lengths, arrivals, maxMs: seconds * 1000, seed: rig.seed };
    return { loads: [await rig.load(perSecond === null ? 'closed' : 'poisson', spec)], figures: [] };
  },
};
