/**
 * A question by its words alone, as others may put it: without the small ones, which say in what form it is asked, and in
 * one of two orders.
 */
import type { Context } from '../../core/feedback/record.ts';

const word = /[\p{L}\p{N}][\p{L}\p{N}'’.-]*/gu;
const minLetters = 4;

/** Null where fewer than two words are left. */
export function keywordsOf(question: string, isReversed: boolean): string | null {
  const [first, ...rest] = question.match(word) ?? [];
  const counts = (each: string): boolean => [...each].length >= minLetters || /[\p{Lu}\p{N}]/u.test(each);
  const kept = rest.filter(counts);
  if (first !== undefined && [...first].length > minLetters + 1) kept.unshift(first);
  if (kept.length < 2) return null;
  const middle = Math.ceil(kept.length / 2);
  return (isReversed ? [...kept.slice(middle), ...kept.slice(0, middle)] : kept).join(' ');
}

/** The context with its last question by its words; null where that says too little. */
export function inKeywords(context: Context, isReversed: boolean): Context | null {
  if (context.kind === 'text') return null;
  const last = context.messages.at(-1);
  const content = last?.role === 'user' ? keywordsOf(last.content, isReversed) : null;
  if (content === null) return null;
  return { kind: 'chat', messages: [...context.messages.slice(0, -1), { ...last!, content }] };
}
