/**
 * Which entry of a tenant's memory answers a question, if any. Pure. The thresholds were chosen on half of the facts in
 * loadtest/learning/facts.json; what they do on the other half stands in docs/learning.md.
 */
import type { Compared, IndexedEntry } from './entry.ts';
import { isCode, type Words, wordsIn } from './names.ts';

export interface MatchThresholds {
  /** Cosine from which on questions match that name nothing. */
  readonly similarity: number;
  /** The same for questions that name the same things. */
  readonly namedSimilarity: number;
}

/** Share of the entry's names that a question has to name, too. */
const sharedNames = 0.5;
/** A question that names something matches one that names nothing only when they are almost the same. */
const unnamedMargin = 0.1;

/** A question as it is compared with entries. */
export interface Question extends Compared {
  /** What it leans on; null where it stands by itself. */
  readonly before: Compared | null;
}

export interface Match {
  readonly entry: IndexedEntry;
  /** 0 for a question just like enough, 1 for the same one. */
  readonly closeness: number;
}

/** The best match; of equally good ones the newest. A question that leans on others matches only where it leans on the like. */
export function bestMatch(
  question: Question,
  entries: Iterable<IndexedEntry>,
  thresholds: MatchThresholds,
): Match | null {
  // Most entries are about something else: their names need no look.
  const least = Math.min(thresholds.similarity, thresholds.namedSimilarity);
  let best: (Match & { readonly similarity: number }) | null = null;
  for (const entry of entries) {
    if ((entry.before === null) !== (question.before === null)) continue;
    const similarity = dot(question.vector, entry.vector);
    if (similarity < (best?.similarity ?? least)) continue;
    const closeness = closenessOf(question, entry, thresholds);
    if (closeness !== null) best = { entry, similarity, closeness };
  }
  return best;
}

/** Of the parts that are compared the least; null where one is not alike enough. */
function closenessOf(question: Question, entry: IndexedEntry, thresholds: MatchThresholds): number | null {
  const isLeaning = question.before !== null && entry.before !== null;
  // Few words and nearly the same vector: "And the first one?" is a question of its own.
  if (isLeaning && !areEqual(telling(question), telling(entry))) return null;
  const ofBefore = isLeaning ? partly(question.before, entry.before, thresholds) : 1;
  const ofQuestion = partly(question, entry, thresholds);
  return ofBefore === null || ofQuestion === null ? null : Math.min(ofBefore, ofQuestion);
}

/** Words that many questions have, and that tell none of them from another. English. */
const filler = wordsIn(
  'and but or so then also what about how the a an one it its that this these those they them their he him his she her ' +
    'is was are were do does did of in on at to for please tell me',
).words;

const telling = ({ words }: Words): ReadonlySet<string> =>
  new Set([...words].filter((word) => !filler.has(word)));

export const areEqual = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((word) => b.has(word));

function partly(asked: Compared, known: Compared, thresholds: MatchThresholds): number | null {
  const similarity = dot(asked.vector, known.vector);
  const enough = needed(known, asked, thresholds);
  if (!(similarity >= enough)) return null;
  return enough < 1 ? Math.min(1, (similarity - enough) / (1 - enough)) : 1;
}

/** The similarity that makes a match; infinite where the names rule it out. */
function needed(entry: Words, asked: Words, { similarity, namedSimilarity }: MatchThresholds): number {
  if (entry.names.size === 0) return asked.names.size === 0 ? similarity : similarity + unnamedMargin;
  return namesFit(entry, asked) ? namedSimilarity : Number.POSITIVE_INFINITY;
}

/** Who asks may write names small, name less, or name more; but not one thing in place of another. */
function namesFit(entry: Words, asked: Words): boolean {
  const missing = [...entry.names].filter((name) => !asked.words.has(name));
  if (missing.length > entry.names.size * (1 - sharedNames) || missing.some(isCode)) return false;
  return missing.length === 0 || ![...asked.names].some((name) => !entry.words.has(name));
}

/** Of vectors of different lengths, which no encoder makes, it is 0. */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
