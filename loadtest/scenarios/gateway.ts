import type { Figure } from '../figure.ts';
import { type GatewayFigures, measureGateway } from '../gateway.ts';
import type { Scenario } from '../scenario.ts';

const steadyPerSecond = 1_000;

export const gateway: Scenario = {
  name: 'gateway',
  answers:
    'What does the server itself cost, without streams, and, under --noisy-key, how soon does it refuse? For --model null.',
  holds: ['flatOut.failed <= 0', 'steady.failed <= 0'],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 4, promptTokens: 1, outputTokens: 1, numRequests: 1, seconds: 1 },
      full: { clients: 32, promptTokens: 1, outputTokens: 1, numRequests: 1, seconds: 10 },
    });
    const measure = async (name: string, rate: number | null, target = rig.target): Promise<Figure[]> => {
      const load = { target, connections: size.clients, seconds: Math.min(60, size.seconds), rate };
      const found = await measureGateway(load);
      rig.checkTime();
      rig.say(`  ${name}: ${found.requestsPerSecond.toFixed(0)} requests/s`);
      return figuresOf(name, found);
    };
    const figures = [...(await measure('flatOut', null)), ...(await measure('steady', steadyPerSecond))];
    const { noisyKey } = rig.given;
    if (noisyKey !== null) {
      figures.push(...(await measure('limited', steadyPerSecond, rig.targetOf({ key: noisyKey }))));
    }
    return { loads: [], figures };
  },
};

function figuresOf(name: string, found: GatewayFigures): Figure[] {
  const total = found.numAnswered + found.numRefused + found.numFailed;
  return [
    { path: `${name}.requestsPerSecond`, value: found.requestsPerSecond, unit: 'perSecond' },
    { path: `${name}.latency.p50`, value: found.p50Ms, unit: 'ms' },
    { path: `${name}.latency.p99`, value: found.p99Ms, unit: 'ms' },
    { path: `${name}.refused.share`, value: total === 0 ? null : found.numRefused / total, unit: 'share' },
    { path: `${name}.failed`, value: found.numFailed, unit: 'count' },
  ];
}
