/** Perplexity of a version on passages, over the API alone. */
import { inParallel } from '../wait.ts';
import { anchorPassages, type PassageKind } from './anchor-passages.ts';
import { type Endpoint, logprobsOf } from './endpoint.ts';

/** Mean −log p of a token, nats; the perplexity is its exponential. */
export type Loss = Readonly<Record<PassageKind | 'all', number>>;

/** Passages that are scored at once. */
const width = 4;

/** `version`: an adapter's id, or "base". */
export async function lossOf(endpoint: Endpoint, version: string): Promise<Loss> {
  const asked = Object.entries(anchorPassages).flatMap(([kind, passages]) =>
    passages.map((passage) => ({ kind, passage })),
  );
  const scored = await inParallel(asked, width, ({ passage }) => logprobsOf(endpoint, passage, version));
  const sums: Record<string, { sum: number; count: number }> = { all: { sum: 0, count: 0 } };
  for (const [index, logprobs] of scored.entries()) {
    for (const name of [asked[index]!.kind, 'all']) {
      const total = (sums[name] ??= { sum: 0, count: 0 });
      total.sum -= logprobs.reduce((sum, value) => sum + value, 0);
      total.count += logprobs.length;
    }
  }
  const means = Object.entries(sums).map(([name, { sum, count }]) => [name, sum / count]);
  return Object.fromEntries(means) as Loss;
}

/** How much larger the perplexity is than before: 0.01 is one per cent. */
export const driftOf = (loss: number, before: number): number => Math.exp(loss - before) - 1;
