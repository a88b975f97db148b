/** Runs a scoring graph (core/arch/scoring-graph.ts) over texts, one at a time, so that logits of few rows are in memory. */
import type { HostTensor, OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';
import type { Text } from '../train/lesson.ts';

export interface ScoringGraph {
  /** The model file. */
  readonly path: string;
  /** Inputs that are the same for all texts. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
}

/** Of a text's scored tokens. */
export interface Scores {
  readonly logprobs: Float32Array;
  /** Log probabilities of the likeliest tokens at the same places. */
  readonly best: Float32Array;
}

/** The graph is open only while it runs. */
export async function scoreTexts(
  { path, feeds }: ScoringGraph,
  texts: readonly Text[],
  open: OpenGraph,
  onText: () => void,
): Promise<Scores[]> {
  const graph = await open(path);
  try {
    const scores: Scores[] = [];
    for (const text of texts) {
      scores.push(await scoreText(graph, feeds, text));
      onText();
    }
    return scores;
  } finally {
    await graph.close();
  }
}

async function scoreText(graph: OpenedGraph, feeds: ScoringGraph['feeds'], text: Text): Promise<Scores> {
  const { tokens, from } = text;
  const targets = tokens.slice(from);
  // A token's probability stands in the row of the token before it.
  const rows = targets.map((_, index) => from + index - 1);
  const { logprobs, best } = await graph.run({
    ...feeds,
    input_ids: { dims: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) },
    lengths: { dims: [1], data: Int32Array.of(tokens.length - 1) },
    total: { dims: [1], data: Int32Array.of(tokens.length) },
    rows: { dims: [rows.length], data: BigInt64Array.from(rows, BigInt) },
    targets: { dims: [targets.length, 1], data: BigInt64Array.from(targets, BigInt) },
  });
  return { logprobs: logprobs!.slice(), best: best!.slice() };
}
