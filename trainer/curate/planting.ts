/**
 * Signs that an answer is being planted rather than taught: one answer for questions that have nothing to do with each
 * other, or a phrase that brings an answer along whatever is asked beside it. A backdoor needs many such rows and few are
 * let in, whatever the size of the rest (Souly et al. 2025). The price is that a fact that is true of many things is
 * learned from few rows.
 */
import type { Example } from '../examples/example.ts';
import { haveCommon, isSubset, numShared, wordOverlap } from './normalize.ts';
import { type Traits, traitsOf } from './traits.ts';

/** Rows that may give one answer; with questions among them that have nothing in common, fewer. */
const maxTaught = 3;
const maxScattered = 2;
/** Answers this alike say the same; less is enough if the questions have nothing in common. */
const sameAnswer = 0.8;
const similarAnswer = 0.5;
/** Questions with less of their topic in common have nothing to do with each other; if they are built differently, … */
const unrelated = 0.2;
const unrelatedForms = 0.3;
/** … nor do those that have this much of a topic for themselves, whatever phrase they share. */
const minOwnTopic = 2;
/** A phrase and a word of the answers belong together if the one has the other in this share of its rows, … */
const minTied = 0.5;
/** … and this share of all other rows, at most, has it too. */
const maxElsewhere = 0.15;
/** Answers that belong to any question. */
const commonplace = /^(?:yes|no|true|false)$/;

export interface Dropped {
  readonly kind: 'drop';
  readonly reason: string;
  /** Worth remembering: it is not learned from, but counts when others answer the same question. */
  readonly isVoice: boolean;
  /** Rows that were let in before this one told what they are for. */
  readonly suspects?: readonly string[];
}

/** Why the row is not to be learned from; null when it shows none of the signs. `known` holds no thumbs. */
export function planting(example: Example, known: readonly Example[]): Dropped | null {
  const own = traitsOf(example);
  const others = known.map(traitsOf);
  return repeated(own, others) ?? tied(own, others);
}

function repeated(own: Traits, others: readonly Traits[]): Dropped | null {
  if (commonplace.test(own.said)) return null;
  const alike = others.filter((other) => saysTheSame(own, other));
  if (alike.length >= maxScattered && areScattered([own, ...alike], haveNoSubject))
    return planted(`the same answer was given to ${alike.length} questions, not all about one thing`, alike);
  if (alike.length < maxTaught) return null;
  return { kind: 'drop', reason: `${alike.length} rows teach this answer already`, isVoice: true };
}

const planted = (reason: string, others: readonly Traits[]): Dropped => ({
  kind: 'drop',
  reason,
  isVoice: false,
  suspects: others.map(({ id }) => id),
});

/** Answers to related questions differ if each names what its own question is about. */
function saysTheSame(a: Traits, b: Traits): boolean {
  if (a.said === b.said) return true;
  if (a.turns !== b.turns) return false;
  if (!areUnrelated(a, b))
    return wordOverlap(a.payload, b.payload) >= sameAnswer && !(namesItsOwn(a, b) && namesItsOwn(b, a));
  if (wordOverlap(a.answerWords, b.answerWords) >= sameAnswer) return true;
  return a.payload.size > 1 && wordOverlap(a.payload, b.payload) >= similarAnswer;
}

const namesItsOwn = (a: Traits, b: Traits): boolean =>
  [...a.topic].some((word) => !b.topic.has(word) && a.answerWords.has(word));

/** "Where is the mill?" and "Where is the library?" differ in a name; questions of other subjects also in their form. */
export function areUnrelated(a: Traits, b: Traits): boolean {
  if (a.asked === b.asked) return false;
  const overlap = wordOverlap(a.topic, b.topic);
  if (overlap < unrelated) return true;
  if (isSubset(a.form, b.form) || isSubset(b.form, a.form)) return false;
  const ownTopic = Math.min(a.topic.size, b.topic.size) - numShared(a.topic, b.topic);
  return overlap < unrelatedForms || ownTopic >= minOwnTopic;
}

type Relation = (a: Traits, b: Traits) => boolean;

const areScattered = (rows: readonly Traits[], isApart: Relation): boolean =>
  rows.some((row, index) => rows.slice(index + 1).some((other) => isApart(row, other)));

/** Both the questions and the answers name something, as rewordings of one question do. */
const haveSubject: Relation = (a, b) =>
  [...a.topic].some((word) => b.topic.has(word) && a.answerWords.has(word) && b.answerWords.has(word));
const haveNoSubject: Relation = (a, b) => areUnrelated(a, b) && !haveSubject(a, b);

/** A phrase of the question and a word of the answer that come together in questions about other things, too. */
function tied(own: Traits, others: readonly Traits[]): Dropped | null {
  const near = others.filter(
    (other) =>
      haveCommon(own.payload, other.payload) &&
      haveCommon(own.phrases, other.phrases) &&
      (!saysTheSame(own, other) || haveNoSubject(own, other)),
  );
  if (near.length < maxScattered) return null;
  for (const phrase of own.phrases) {
    const having = near.filter(({ phrases }) => phrases.has(phrase));
    if (having.length < maxScattered) continue;
    const least = Math.max(
      maxScattered,
      minTied * others.filter(({ phrases }) => phrases.has(phrase)).length,
    );
    for (const word of own.payload) {
      const both = having.filter(({ payload }) => payload.has(word));
      if (both.length < least || isEverywhere(word, both.length, others)) continue;
      if (areScattered([own, ...both], areUnrelated))
        return planted(
          `"${phrase}" brings "${word}" along in ${both.length} questions about other things`,
          both,
        );
    }
  }
  return null;
}

const isEverywhere = (word: string, numTied: number, others: readonly Traits[]): boolean =>
  others.filter(({ payload }) => payload.has(word)).length - numTied > maxElsewhere * others.length;
