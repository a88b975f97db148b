/** Whether it is true what a server says to those that it refuses: that a retry after the time it names is accepted. */
import { complete, type Target } from './client.ts';
import type { Outcome } from './outcome.ts';
import type { MakePrompt } from './prompts.ts';
import { pause } from './wait.ts';

export interface Retries {
  readonly outcomes: readonly Outcome[];
  /** Of those that were retried; null of none. */
  readonly acceptedShare: number | null;
}

export interface RetryOptions {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Each of the refused once more, as soon as its time has come. Those without a time are not accepted. */
export async function retry(
  target: Target,
  makePrompt: MakePrompt,
  refused: readonly Outcome[],
  { promptTokens, outputTokens, random, signal }: RetryOptions,
): Promise<Retries> {
  const outcomes = await Promise.all(
    refused.map(async ({ endMs, retryAfterMs }) => {
      if (retryAfterMs === null) return null;
      const waitMs = endMs + retryAfterMs - performance.now();
      if (waitMs > 0) await pause(waitMs);
      return complete(target, { prompt: makePrompt(promptTokens, random), maxTokens: outputTokens, signal });
    }),
  );
  const retried = outcomes.filter((outcome) => outcome !== null);
  const accepted = retried.filter(({ failure }) => failure !== 'refused');
  return { outcomes: retried, acceptedShare: refused.length === 0 ? null : accepted.length / refused.length };
}
