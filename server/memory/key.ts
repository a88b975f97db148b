/**
 * What a question is known by: itself, and where it leans on what was asked before, that too. "And the second one?" means
 * nothing alone, and something else in every conversation.
 */
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import { isCode, wordsIn } from './names.ts';

export interface Key {
  readonly question: string;
  /** The questions that it leans on, the oldest first, a line each; null where it stands by itself. */
  readonly context: string | null;
}

/** Longer texts are not looked up and not remembered. */
export const maxCharacters = 2_000;
/** Questions that lean on each other are followed so far back. */
const maxEarlier = 3;

/** Null where the last message is none of the user's, or not one that is looked up. */
export function keyOf(messages: readonly ChatMessage[]): Key | null {
  const last = messages.at(-1);
  if (last?.role !== 'user' || last.content.trim() === '' || last.content.length > maxCharacters) return null;
  const asked = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  let from = asked.length - 1;
  while (from > 0 && asked.length - from <= maxEarlier && leans(asked[from]!)) from--;
  const earlier = asked.slice(from, -1);
  const context = earlier.length === 0 ? null : earlier.join('\n').slice(-maxCharacters);
  return { question: last.content, context };
}

/** Words that mean something that was said before, and beginnings of questions that go on from others. English. */
const pointing =
  /\b(?:it|its|this|that|these|those|they|them|their|theirs|he|him|his|she|hers?|ones?|others?|another|former|latter|same|such)\b/i;
const goingOn = /^\W*(?:and|but|or|so|then|also|what about|how about|what else|why not)\b/i;
/** With so few words, in whatever language, a question that names nothing says too little. */
const fewWords = 3;
/** A question that names something and has more words explains what its pointing words mean. */
const enoughWords = 6;

function leans(question: string): boolean {
  const { names, words } = wordsIn(question);
  const isNamed = [...names].some((name) => !isCode(name));
  if (isNamed && words.size >= enoughWords) return goingOn.test(question);
  return goingOn.test(question) || pointing.test(question) || (!isNamed && words.size <= fewWords);
}
