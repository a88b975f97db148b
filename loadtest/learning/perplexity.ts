/** Perplexity of a version on passages, over the API alone. */
import { anchorPassages, type PassageKind } from './anchor-passages.ts';
import { type Endpoint, logprobsOf } from './endpoint.ts';

/** Mean −log p of a token, nats; the perplexity is its exponential. */
export type Loss = Readonly<Record<PassageKind | 'all', number>>;

/** `version`: an adapter's id, or "base". */
export async function lossOf(endpoint: Endpoint, version: string): Promise<Loss> {
  const sums: Record<string, { sum: number; count: number }> = { all: { sum: 0, count: 0 } };
  for (const [kind, passages] of Object.entries(anchorPassages)) {
    for (const passage of passages) {
      const logprobs = await logprobsOf(endpoint, passage, version);
      for (const name of [kind, 'all']) {
        const total = (sums[name] ??= { sum: 0, count: 0 });
        total.sum -= logprobs.reduce((sum, value) => sum + value, 0);
        total.count += logprobs.length;
      }
    }
  }
  const means = Object.entries(sums).map(([name, { sum, count }]) => [name, sum / count]);
  return Object.fromEntries(means) as Loss;
}

/** How much larger the perplexity is than before: 0.01 is one per cent. */
export const driftOf = (loss: number, before: number): number => Math.exp(loss - before) - 1;
