/** Clients that leave at random moments; afterwards the server must be as fast as before, and hold nothing of them. */
import { complete, type Target } from './client.ts';
import type { MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';
import { runScenario } from './scenario.ts';
import { summarize } from './summary.ts';

export interface Disconnects {
  readonly numLeft: number;
  readonly beforeTokensPerSecond: number;
  readonly afterTokensPerSecond: number;
  readonly ratio: number;
}

export async function measureDisconnects(
  target: Target,
  makePrompt: MakePrompt,
  options: { clients: number; concurrency: number },
): Promise<Disconnects> {
  const speed = async (seed: number): Promise<number> => {
    const arrivals = { kind: 'closed', clients: 8 } as const;
    const load = { promptTokens: 64, outputTokens: 32, numRequests: 32, arrivals, maxMs: 60_000, seed };
    return summarize(await runScenario(target, load, makePrompt), { ttftMs: 1e9, tpotMs: 1e9 })
      .outputTokensPerSecond;
  };
  const beforeTokensPerSecond = await speed(1);
  const random = createRandom(17);
  let next = 0;
  let numLeft = 0;
  const client = async (): Promise<void> => {
    while (next < options.clients) {
      next++;
      const ended = new AbortController();
      const timer = setTimeout(() => ended.abort(), random() * 1500);
      const outcome = await complete(target, {
        prompt: makePrompt(64, random),
        maxTokens: 400,
        signal: ended.signal,
      });
      clearTimeout(timer);
      if (!outcome.ok) numLeft++;
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, client));
  const afterTokensPerSecond = await speed(2);
  return {
    numLeft,
    beforeTokensPerSecond,
    afterTokensPerSecond,
    ratio: afterTokensPerSecond / beforeTokensPerSecond,
  };
}
