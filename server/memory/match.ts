/**
 * Which entry of a tenant's memory answers a question, if any. Pure. The thresholds were chosen on half of the facts in
 * loadtest/learning/facts.json and hold on the other half, see docs/learning.md.
 */
import type { IndexedEntry } from './entry.ts';
import { namesIn } from './names.ts';

export interface MatchThresholds {
  /** Cosine from which on questions match that name nothing. */
  readonly similarity: number;
  /** The same for questions that name the same things. */
  readonly namedSimilarity: number;
}

/** Share of the entry's names that a question has to name, too. */
const sharedNames = 0.5;

export interface Question {
  readonly text: string;
  /** Of unit length. */
  readonly vector: Float32Array;
}

/** The best match; of equally good ones the newest. */
export function bestMatch(
  question: Question,
  entries: Iterable<IndexedEntry>,
  thresholds: MatchThresholds,
): { readonly entry: IndexedEntry; readonly similarity: number } | null {
  const names = namesIn(question.text);
  const lower = question.text.toLowerCase();
  let best: { entry: IndexedEntry; similarity: number } | null = null;
  for (const entry of entries) {
    const similarity = dot(question.vector, entry.vector);
    if (similarity < thresholds.namedSimilarity || similarity < (best?.similarity ?? 0)) continue;
    if (isMatch(entry, { names, lower }, similarity, thresholds)) best = { entry, similarity };
  }
  return best;
}

function isMatch(
  entry: IndexedEntry,
  { names, lower }: { readonly names: ReadonlySet<string>; readonly lower: string },
  similarity: number,
  { similarity: needed }: MatchThresholds,
): boolean {
  if (entry.names.size === 0)
    return names.size === 0 ? similarity >= needed : similarity >= needed + unnamedMargin;
  // Who asks may write names small.
  const shared = [...entry.names].filter((name) => names.has(name) || lower.includes(name)).length;
  return shared >= entry.names.size * sharedNames;
}

/** A question that names something matches one that names nothing only when they are almost the same. */
const unnamedMargin = 0.1;

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
