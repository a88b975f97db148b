import { calm, runStorm } from '../disconnects.ts';
import { ratioOf } from '../figure.ts';
import type { Load } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { msUntilFree } from '../server-state.ts';

const maxFreeMs = 10_000;

export const disconnectStorm: Scenario = {
  name: 'disconnect-storm',
  answers:
    'Does the server stay as fast as before, and hold nothing, when clients keep leaving in the middle?',
  holds: ['broken <= 0', 'after.speedRatio >= 0.8x'],
  async run(rig) {
    const { clients, seconds, ...size } = rig.size({
      smoke: { clients: 16, promptTokens: 16, outputTokens: 200, numRequests: 60, seconds: 3 },
      full: { clients: 32, promptTokens: 64, outputTokens: 400, numRequests: 1_000, seconds: 120 },
    });
    const before = await rig.load('before', { ...calm, seed: rig.seed });
    rig.take(size.numRequests);
    const outcomes = await runStorm(rig.target, rig.makePrompt, {
      ...size,
      concurrency: clients,
      maxStayMs: rig.profile === 'smoke' ? 100 : 1500,
      maxMs: seconds * 1000,
      signal: rig.signal,
    });
    const storm = rig.loadOf('storm', `${clients} clients, each leaves at a random moment`, outcomes);
    const { admin } = rig.given;
    const freeMs = admin === null ? null : await msUntilFree(admin, maxFreeMs);
    const after = await rig.load('after', { ...calm, seed: rig.seed + 1_000 });
    const speedOf = ({ summary }: Load): number => summary.outputTokensPerSecond;
    return {
      loads: [before, storm, after],
      figures: [
        { path: 'after.speedRatio', value: ratioOf(speedOf(after), speedOf(before)), unit: 'ratio' },
        { path: 'left', value: storm.summary.failures.left ?? 0, unit: 'count' },
        // Only the admin listener tells.
        ...(admin === null ? [] : [{ path: 'untilFree', value: freeMs, unit: 'ms' } as const]),
      ],
    };
  },
};
