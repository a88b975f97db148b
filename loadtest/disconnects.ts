/** Clients that leave at random moments; afterwards the server must be as fast as before, and hold nothing of them. */
import { complete, type Target } from './client.ts';
import { runLoad } from './load.ts';
import type { Outcome } from './outcome.ts';
import type { MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';
import { summarize } from './summary.ts';

export interface Disconnects {
  readonly numLeft: number;
  readonly beforeTokensPerSecond: number;
  readonly afterTokensPerSecond: number;
  readonly ratio: number;
}

export interface Storm {
  readonly numRequests: number;
  readonly concurrency: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Each client leaves at a random moment before this, counted from its request. */
  readonly maxStayMs: number;
  readonly maxMs: number;
  readonly signal?: AbortSignal;
}

/** The requests of the load before and after a storm. */
export const calm = {
  promptTokens: 64,
  outputTokens: 32,
  numRequests: 32,
  arrivals: { kind: 'closed', clients: 8 },
  maxMs: 60_000,
} as const;

export async function runStorm(target: Target, makePrompt: MakePrompt, storm: Storm): Promise<Outcome[]> {
  const random = createRandom(17);
  const endMs = performance.now() + storm.maxMs;
  const outcomes: Outcome[] = [];
  let next = 0;
  const isOver = (): boolean =>
    next >= storm.numRequests || performance.now() >= endMs || storm.signal?.aborted === true;
  const client = async (): Promise<void> => {
    while (!isOver()) {
      next++;
      const left = AbortSignal.timeout(Math.ceil(random() * storm.maxStayMs));
      const signal = storm.signal === undefined ? left : AbortSignal.any([left, storm.signal]);
      const prompt = makePrompt(storm.promptTokens, random);
      outcomes.push(await complete(target, { prompt, maxTokens: storm.outputTokens, signal }));
    }
  };
  await Promise.all(Array.from({ length: storm.concurrency }, client));
  return outcomes;
}

export async function measureDisconnects(
  target: Target,
  makePrompt: MakePrompt,
  { clients: numRequests, concurrency }: { clients: number; concurrency: number },
): Promise<Disconnects> {
  const speed = async (seed: number): Promise<number> =>
    summarize(await runLoad(target, { ...calm, seed }, makePrompt), { ttftMs: 1e9, tpotMs: 1e9 })
      .outputTokensPerSecond;
  const beforeTokensPerSecond = await speed(1);
  const storm = {
    numRequests,
    concurrency,
    promptTokens: 64,
    outputTokens: 400,
    maxStayMs: 1500,
    maxMs: 600_000,
  };
  const outcomes = await runStorm(target, makePrompt, storm);
  const afterTokensPerSecond = await speed(2);
  return {
    numLeft: outcomes.filter(({ ok }) => !ok).length,
    beforeTokensPerSecond,
    afterTokensPerSecond,
    ratio: afterTokensPerSecond / beforeTokensPerSecond,
  };
}
