/**
 * What running streams feel when a long prompt arrives: inter-token times while it is computed, against those of the
 * two seconds before and the two after it. (Both, since the streams' own contexts grow, and their steps with them.)
 */
import { complete, type Target } from './client.ts';
import type { MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';
import { type Distribution, distribution } from './summary.ts';

export interface Interference {
  readonly undisturbed: Distribution;
  readonly disturbed: Distribution;
  readonly longPromptTtftMs: number;
  readonly p99Ratio: number;
}

const windowMs = 2000;

export async function measureInterference(
  target: Target,
  makePrompt: MakePrompt,
  options: { streams: number; promptTokens: number; repeats: number; seed: number },
): Promise<Interference> {
  const random = createRandom(options.seed);
  const gaps = { undisturbed: [] as number[], disturbed: [] as number[] };
  let ttftMs = 0;
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const ended = new AbortController();
    const streams = Array.from({ length: options.streams }, () =>
      complete(target, { prompt: makePrompt(32, random), maxTokens: 1500, signal: ended.signal }),
    );
    // The first second holds the streams' own prompts.
    await pause(1000 + windowMs);
    const fromMs = performance.now();
    const long = await complete(target, { prompt: makePrompt(options.promptTokens, random), maxTokens: 1 });
    if (!long.ok) throw new Error(`The long prompt failed: ${long.error}`);
    const toMs = long.tokenMs[0] ?? long.endMs;
    ttftMs += (toMs - long.startMs) / options.repeats;
    await pause(windowMs);
    ended.abort();
    for (const { tokenMs } of await Promise.all(streams)) {
      tokenMs.slice(1).forEach((at, index) => {
        const gap = at - tokenMs[index]!;
        if (at >= fromMs && at <= toMs) gaps.disturbed.push(gap);
        else if (at > fromMs - windowMs && at < toMs + windowMs) gaps.undisturbed.push(gap);
      });
    }
    await pause(500);
  }
  const [undisturbed, disturbed] = [distribution(gaps.undisturbed), distribution(gaps.disturbed)];
  return { undisturbed, disturbed, longPromptTtftMs: ttftMs, p99Ratio: disturbed.p99Ms / undisturbed.p99Ms };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
