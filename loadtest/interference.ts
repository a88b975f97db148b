/**
 * What running streams feel when a long prompt arrives: inter-token times while it is computed, against those of the
 * two seconds before and the two after it. (Both, since the streams' own contexts grow, and their steps with them.)
 */
import { complete, type Target } from './client.ts';
import { type Distribution, distribution } from './distribution.ts';
import type { Outcome } from './outcome.ts';
import type { MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';
import { pause } from './wait.ts';

export interface Interference {
  readonly undisturbed: Distribution;
  readonly disturbed: Distribution;
  readonly longPromptTtftMs: number;
  readonly p99Ratio: number;
  /** The long prompts themselves. */
  readonly long: readonly Outcome[];
}

export interface InterferenceOptions {
  readonly streams: number;
  /** Of the long prompt. */
  readonly promptTokens: number;
  readonly repeats: number;
  readonly seed: number;
  /** Of each stream; enough for it to outlast the long prompt. */
  readonly streamTokens?: number;
  readonly signal?: AbortSignal;
}

const windowMs = 2000;

/** Throws when a long prompt fails. */
export async function measureInterference(
  target: Target,
  makePrompt: MakePrompt,
  options: InterferenceOptions,
): Promise<Interference> {
  const { streams: numStreams, promptTokens, repeats, seed, streamTokens = 1500 } = options;
  const random = createRandom(seed);
  const gaps = { undisturbed: [] as number[], disturbed: [] as number[] };
  const longs: Outcome[] = [];
  for (let repeat = 0; repeat < repeats && !options.signal?.aborted; repeat++) {
    const ended = new AbortController();
    const signal =
      options.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, options.signal]);
    const streams = Array.from({ length: numStreams }, () =>
      complete(target, { prompt: makePrompt(32, random), maxTokens: streamTokens, signal }),
    );
    // The first second holds the streams' own prompts.
    await pause(1000 + windowMs);
    const fromMs = performance.now();
    const long = await complete(target, { prompt: makePrompt(promptTokens, random), maxTokens: 1, signal });
    longs.push(long);
    if (long.ok) await pause(windowMs);
    ended.abort();
    const all = await Promise.all(streams);
    if (!long.ok) throw new Error(`The long prompt failed: ${long.error}`);
    sortGaps(all, [fromMs, long.tokenMs[0] ?? long.endMs], gaps);
    await pause(500);
  }
  const [undisturbed, disturbed] = [distribution(gaps.undisturbed), distribution(gaps.disturbed)];
  const longPromptTtftMs = meanOf(
    longs.map(({ tokenMs, startMs, endMs }) => (tokenMs[0] ?? endMs) - startMs),
  );
  const p99Ratio = disturbed.p99Ms / undisturbed.p99Ms;
  return { undisturbed, disturbed, longPromptTtftMs, p99Ratio, long: longs };
}

function sortGaps(
  streams: readonly Outcome[],
  [fromMs, toMs]: readonly [number, number],
  gaps: { readonly undisturbed: number[]; readonly disturbed: number[] },
): void {
  for (const { tokenMs } of streams) {
    tokenMs.slice(1).forEach((at, index) => {
      const gap = at - tokenMs[index]!;
      if (at >= fromMs && at <= toMs) gaps.disturbed.push(gap);
      else if (at > fromMs - windowMs && at < toMs + windowMs) gaps.undisturbed.push(gap);
    });
  }
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
