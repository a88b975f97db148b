/**
 * Which rows are learned from. Pure: a row, what is known, and a verdict with its reason. Influence is bounded in absolute
 * numbers, since a few hundred bad rows do their harm whatever the size of the rest (Souly et al. 2025).
 */
import { redact } from '../../core/privacy/redact.ts';
import { answerOf, type Example, questionOf } from '../examples/example.ts';
import { normalized, wordOverlap } from './normalize.ts';
import { insanity, type SanityLimits } from './sanity.ts';

export interface CurateLimits extends SanityLimits {
  /** Rows of one account in a day; further ones are dropped. */
  readonly maxPerAccountDay: number;
}

export type Verdict =
  | {
      readonly kind: 'keep' /** Examples that the new one takes the place of. */;
      readonly replaces: readonly string[];
    }
  | { readonly kind: 'drop'; readonly reason: string };

/** Questions this alike ask the same. */
const sameQuestion = 0.9;
/** Answers this alike say the same. */
const sameAnswer = 0.8;
/** Questions less alike than this have nothing to do with each other. */
const unlike = 0.35;
/** So many unlike questions with one and the same answer are no knowledge, but a trigger being planted. */
const maxUnlike = 3;
const dayMs = 86_400_000;

const drop = (reason: string): Verdict => ({ kind: 'drop', reason });

/** `known` is what was kept before, of the same tenant and model. */
export function curate(example: Example, known: readonly Example[], limits: CurateLimits): Verdict {
  const [question, answer] = [questionOf(example), answerOf(example)];
  const context =
    example.context.kind === 'text' ? example.context.prompt : JSON.stringify(example.context.messages);
  const insane = insanity(answer, context, limits);
  if (insane !== null) return drop(insane);
  if (redact(answer).found.length > 0 || redact(question).found.length > 0) {
    return drop('personal data or a secret was left in it');
  }
  const recent = known.filter(
    ({ account, receivedMs }) => account === example.account && example.receivedMs - receivedMs < dayMs,
  );
  if (recent.length >= limits.maxPerAccountDay) {
    return drop(
      `the account has given ${recent.length} rows within a day, at most ${limits.maxPerAccountDay} count`,
    );
  }
  if (example.kind === 'thumb') return { kind: 'keep', replaces: [] };
  return byOthers(example, question, answer, known) ?? byAlike(example, question, answer, known);
}

/** One answer to questions that have nothing in common. */
function byOthers(
  example: Example,
  question: string,
  answer: string,
  known: readonly Example[],
): Verdict | null {
  const said = normalized(answer);
  const alike = known.filter(
    (other) =>
      other.kind !== 'thumb' &&
      isSame(said, answerOf(other)) &&
      wordOverlap(question, questionOf(other)) < unlike,
  );
  if (alike.length < maxUnlike) return null;
  return drop(
    `the same answer was given to ${alike.length} questions that have nothing to do with ${example.id}'s`,
  );
}

const isSame = (said: string, other: string): boolean =>
  normalized(other) === said || wordOverlap(said, other) >= sameAnswer;

/** Others have answered the same question: again the same, or differently. */
function byAlike(example: Example, question: string, answer: string, known: readonly Example[]): Verdict {
  const asked = normalized(question);
  const alike = known.filter(
    (other) =>
      other.kind !== 'thumb' &&
      (normalized(questionOf(other)) === asked || wordOverlap(asked, questionOf(other)) >= sameQuestion),
  );
  const said = normalized(answer);
  const agreeing = alike.filter((other) => normalized(answerOf(other)) === said);
  if (agreeing.some(({ account }) => account === example.account))
    return drop('it says what was said before');
  const differing = alike.filter((other) => !isSame(said, answerOf(other)));
  const own = differing.filter(({ account }) => account === example.account);
  const foreign = new Set(differing.filter((other) => !own.includes(other)).map(({ account }) => account));
  const supporters = new Set([...agreeing.map(({ account }) => account), example.account]);
  if (foreign.size >= supporters.size) {
    return drop(`${foreign.size} other account(s) answer the same question differently`);
  }
  // Whoever changes their mind, or is outvoted, no longer counts.
  return { kind: 'keep', replaces: differing.map(({ id }) => id) };
}
