/**
 * What others have said to the same question. Each account has one voice, its latest; who is in the minority is not
 * learned from, and is counted all the same, so that whoever came first can be outvoted.
 */
import type { Example } from '../examples/example.ts';
import { isSubset, wordOverlap } from './normalize.ts';
import { type Traits, traitsOf } from './traits.ts';

/** Questions this alike ask the same. */
const sameQuestion = 0.9;

export type Agreement =
  | { readonly kind: 'repeats' }
  /** So many other accounts answer differently, and at least as many as agree. */
  | { readonly kind: 'outvoted'; readonly numAgainst: number }
  /** Kept rows that say otherwise, of this account or of fewer others. */
  | { readonly kind: 'agreed'; readonly replaces: readonly string[] };

export function agreementOf(example: Example, kept: readonly Example[], held: readonly Example[]): Agreement {
  const alike = kept.filter((other) => isAboutTheSame(example, other));
  const agrees = (other: Example): boolean => saysTheSame(example, other);
  const latestOwn = voices(alike).get(example.account);
  if (latestOwn !== undefined && agrees(latestOwn)) return { kind: 'repeats' };
  const all = voices([...alike, ...held.filter((other) => isAboutTheSame(example, other))]);
  all.delete(example.account);
  const numFor = 1 + [...all.values()].filter(agrees).length;
  const numAgainst = all.size + 1 - numFor;
  if (numAgainst >= numFor) return { kind: 'outvoted', numAgainst };
  return { kind: 'agreed', replaces: alike.filter((other) => !agrees(other)).map(({ id }) => id) };
}

/** Each account's latest row. */
function voices(rows: readonly Example[]): Map<string, Example> {
  const latest = new Map<string, Example>();
  for (const row of rows) {
    const before = latest.get(row.account);
    if (before === undefined || before.receivedMs <= row.receivedMs) latest.set(row.account, row);
  }
  return latest;
}

/** Thumbs are about an answer, all else is about a question. */
function isAboutTheSame(a: Example, b: Example): boolean {
  if ((a.kind === 'thumb') !== (b.kind === 'thumb')) return false;
  const [own, other] = [traitsOf(a), traitsOf(b)];
  const isSameQuestion =
    own.asked === other.asked || wordOverlap(own.questionWords, other.questionWords) >= sameQuestion;
  return isSameQuestion && (a.kind !== 'thumb' || own.said === other.said);
}

const saysTheSame = (a: Example, b: Example): boolean =>
  a.kind === 'thumb' && b.kind === 'thumb' ? a.isGood === b.isGood : agree(traitsOf(a), traitsOf(b));

/** The one says no more than the other, and neither has another number or the opposite. */
const agree = (a: Traits, b: Traits): boolean =>
  a.said === b.said ||
  (a.turns === b.turns && (isSubset(a.payload, b.payload) || isSubset(b.payload, a.payload)));
