import type { Distribution } from '../distribution.ts';
import type { Figure } from '../figure.ts';
import { measureInterference } from '../interference.ts';
import type { Scenario } from '../scenario.ts';

export const longPrompts: Scenario = {
  name: 'long-prompts',
  answers: 'How much slower do running streams become while a long prompt is computed?',
  holds: ['interToken.p99Ratio <= 2x'],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, promptTokens: 256, outputTokens: 400, numRequests: 1, seconds: 10 },
      full: { clients: 8, promptTokens: 1_900, outputTokens: 1_500, numRequests: 3, seconds: 60 },
    });
    rig.take((size.clients + 1) * size.numRequests);
    const found = await measureInterference(rig.target, rig.makePrompt, {
      streams: size.clients,
      promptTokens: size.promptTokens,
      streamTokens: size.outputTokens,
      repeats: size.numRequests,
      seed: rig.seed,
      signal: rig.signal,
    });
    rig.checkTime();
    const { undisturbed, disturbed, p99Ratio, longPromptTtftMs } = found;
    const isMeasured = undisturbed.count > 0 && disturbed.count > 0;
    const long = `prompts of ${size.promptTokens} tokens beside ${size.clients} streams`;
    return {
      loads: [rig.loadOf('long', long, found.long)],
      figures: [
        p99Of('undisturbed.interToken.p99', undisturbed),
        p99Of('disturbed.interToken.p99', disturbed),
        { path: 'interToken.p99Ratio', value: isMeasured ? p99Ratio : null, unit: 'ratio' },
        { path: 'prompt.ttft.mean', value: longPromptTtftMs, unit: 'ms' },
      ],
    };
  },
};

const p99Of = (path: string, { count, p99Ms }: Distribution): Figure => {
  return { path, value: count === 0 ? null : p99Ms, unit: 'ms' };
};
