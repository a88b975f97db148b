import { measureAddedLatency } from '../added-latency.ts';
import type { Figure } from '../figure.ts';
import type { Scenario } from '../scenario.ts';

const maxRounds = 100;

export const addedLatency: Scenario = {
  name: 'added-latency',
  answers:
    'What does the server add to the latency of a bare HTTP server, both by turns at --rate? For --model null.',
  holds: [],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 1, perSecond: 100, promptTokens: 1, outputTokens: 1, numRequests: 1, seconds: 1 },
      // As many rounds as requests.
      full: { clients: 1, perSecond: 1_000, promptTokens: 1, outputTokens: 1, numRequests: 6, seconds: 10 },
    });
    const { url, model } = rig.target;
    const { seconds, perSecond, numRequests } = size;
    const rounds = Math.min(maxRounds, numRequests);
    const { added, medians } = await measureAddedLatency({
      ...{ url, model, seconds, rounds },
      perSecond: perSecond ?? 1_000,
    });
    rig.checkTime();
    const figures = (name: string, times: typeof added): Figure[] =>
      (['p50', 'p95', 'p99'] as const).map((of) => ({
        path: `${name}.${of}`,
        value: times[`${of}Ms`],
        unit: 'ms',
      }));
    return {
      loads: [],
      figures: [
        ...figures('added', added),
        ...figures('bare', medians.bare),
        ...figures('gateway', medians.gateway),
      ],
    };
  },
};
