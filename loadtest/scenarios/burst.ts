import { ratioOf } from '../figure.ts';
import type { Scenario } from '../scenario.ts';

export const burst: Scenario = {
  name: 'burst',
  answers: 'What happens to requests that all come at one moment, and how soon is the server itself again?',
  holds: ['broken <= 0', 'after.failed <= 0', 'after.ttft.p50Ratio <= 1.5x'],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 8, promptTokens: 16, outputTokens: 8, numRequests: 16, seconds: 4 },
      full: { clients: 32, promptTokens: 128, outputTokens: 32, numRequests: 96, seconds: 45 },
    });
    const { promptTokens, outputTokens, seconds } = size;
    const lengths = { promptTokens, outputTokens };
    const numBursts = Math.max(1, Math.round(size.numRequests / size.clients));
    const everyMs = (seconds * 1000) / numBursts;
    const calm = {
      ...lengths,
      numRequests: 16,
      arrivals: { kind: 'closed', clients: 1 } as const,
      maxMs: (seconds * 1000) / 4,
    };
    const before = await rig.load('before', { ...calm, seed: rig.seed });
    const bursts = await rig.load('burst', {
      ...lengths,
      numRequests: numBursts * size.clients,
      arrivals: { kind: 'bursts', size: size.clients, everyMs },
      maxMs: seconds * 1000,
      seed: rig.seed + 1_000,
    });
    const after = await rig.load('after', { ...calm, seed: rig.seed + 2_000 });
    const p50 = ({ summary: { ttft } }: typeof before) => (ttft.count === 0 ? null : ttft.p50Ms);
    const value = ratioOf(p50(after), p50(before));
    return {
      loads: [before, bursts, after],
      figures: [{ path: 'after.ttft.p50Ratio', value, unit: 'ratio' }],
    };
  },
};
