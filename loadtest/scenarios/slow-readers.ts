import { complete } from '../client.ts';
import { ratioOf } from '../figure.ts';
import type { Outcome } from '../outcome.ts';
import { createRandom } from '../random.ts';
import type { Load, Rig, Size } from '../rig.ts';
import type { Scenario } from '../scenario.ts';

/** After each piece that it reads, a slow reader looks away for so long. */
const restMs = 500;

export const slowReaders: Scenario = {
  name: 'slow-readers',
  answers: 'Do clients that hardly read their streams slow down those that do?',
  holds: ['alone.failed <= 0', 'beside.failed <= 0', 'ttft.p99Ratio <= 2x'],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, promptTokens: 16, outputTokens: 16, numRequests: 24, seconds: 3 },
      full: { clients: 4, promptTokens: 64, outputTokens: 64, numRequests: 400, seconds: 20 },
    });
    const { clients, seconds, promptTokens, outputTokens, numRequests } = size;
    const spec = {
      promptTokens,
      outputTokens,
      numRequests,
      arrivals: { kind: 'closed', clients } as const,
      maxMs: seconds * 1000,
    };
    const alone = await rig.load('alone', { ...spec, seed: rig.seed });
    const ended = new AbortController();
    const slow = readSlowly(rig, size, AbortSignal.any([ended.signal, rig.signal]));
    const beside = await rig.load('beside', { ...spec, seed: rig.seed + 1_000 }).finally(() => ended.abort());
    const slowLoad = rig.loadOf(
      'slow',
      `${clients} readers that rest ${restMs} ms after each piece`,
      await slow,
    );
    const ratio = (value: (load: Load) => number): number | null => ratioOf(value(beside), value(alone));
    return {
      loads: [alone, beside, slowLoad],
      figures: [
        { path: 'ttft.p99Ratio', value: ratio(({ summary }) => summary.ttft.p99Ms), unit: 'ratio' },
        {
          path: 'interToken.p99Ratio',
          value: ratio(({ summary }) => summary.interToken.p99Ms),
          unit: 'ratio',
        },
      ],
    };
  },
};

/** As many of them as there are others, until the signal. */
async function readSlowly(
  rig: Rig,
  { clients, promptTokens }: Size,
  signal: AbortSignal,
): Promise<Outcome[]> {
  rig.take(clients);
  const random = createRandom(rig.seed + 31);
  return Promise.all(
    Array.from({ length: clients }, () =>
      complete(rig.target, { prompt: rig.makePrompt(promptTokens, random), maxTokens: 400, restMs, signal }),
    ),
  );
}
