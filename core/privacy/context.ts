/**
 * Words around a candidate that speak for or against it. A context ends at the line, and at a placeholder: what has
 * been redacted must not make a text nearer to a word, or redacting twice would find more.
 */
import { opaque } from './placeholder.ts';

const contextChars = 48;

/** So much of a line is a cell or a bullet, and the line above may be its heading. */
const headedChars = 16;

/** What stands before `at` in its line, and in the line above if that is little. At most `chars` characters. */
export function before(text: string, at: number, chars: number = contextChars): string {
  const start = Math.max(0, at - chars);
  const cut = text.slice(start, at);
  // Half a word must not be read as one, such as the end of "hotel".
  const whole = start === 0 ? cut : cut.replace(/^[\p{Ll}\p{Lu}\p{N}]+/u, '');
  const visible = whole.slice(whole.lastIndexOf(opaque) + 1);
  const lines = visible.split('\n');
  return lines.at(-1)!.length > headedChars ? lines.at(-1)! : lines.slice(-2).join('\n');
}

/** A full stop after three letters or fewer belongs to an abbreviation, such as "no. 7". */
const clauseEnd = /[\n\t;|"“”()]|[!?] |(?<!\b\w{1,3})\. | - /;

/** What stands before `at` in its clause, for words that say something of the number only right before it. */
export function inClause(text: string, at: number, chars: number): string {
  return before(text, at, chars).split(clauseEnd).at(-1)!;
}

/** What stands after `at` in its line. */
export function after(text: string, at: number, chars: number = contextChars): string {
  return text.slice(at, at + chars).split(/[\n\uFFFC]/, 1)[0]!;
}

/** Letters of scripts that put spaces between words. */
const spacedLetter = '\\p{Ll}\\p{Lu}\\p{Script=Arabic}\\p{Script=Hebrew}\\p{Script=Devanagari}\\p{M}';

/** The languages' words as one pattern: `spaced` are whole words, `unspaced` (Chinese, Japanese) stand anywhere. */
export function anyWord(spaced: string, unspaced = ''): RegExp {
  const words = `(?<![${spacedLetter}\\p{N}])(?:${spaced})(?![${spacedLetter}])`;
  return new RegExp(unspaced === '' ? words : `${words}|${unspaced}`, 'iu');
}

/** Whether a word of `words` occurs, and none of `against` comes after it, nearer to the candidate. */
export function speaksFor(context: string, words: RegExp, against: RegExp): boolean {
  const place = lastPlace(context, words);
  return place >= 0 && place > lastPlace(context, against);
}

function lastPlace(context: string, words: RegExp): number {
  let place = -1;
  for (const match of context.matchAll(new RegExp(words, 'giu'))) place = match.index + match[0].length;
  return place;
}
