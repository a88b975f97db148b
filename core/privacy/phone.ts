/**
 * Phone numbers: international ones by calling code and length (calling-codes.ts), national ones by a writing that
 * hardly anything else has (phone-shapes.ts), any other only beside a word for it (phone-words.ts).
 */
import { isInternational } from './calling-codes.ts';
import { after, before, inClause, speaksFor } from './context.ts';
import { type DigitGroup, type DigitRun, digitRuns, isInUuid, joined } from './digit-run.ts';
import { isOtherwiseShaped, isPhoneShaped } from './phone-shapes.ts';
import { namedAfter, otherNumberWords, phoneWords } from './phone-words.ts';
import type { Recogniser, Span } from './recogniser.ts';

/** Of E.164, at most 15 digits; more than eight groups are a table's row. */
const [minDigits, maxDigits, maxGroups] = [7, 15, 8];

/** Separators within one number, and between two. A full stop before a space ends a sentence. */
const gaps = /^(?:[ ./-]| {2}| [/-] | ?-?\(|\)[ ./-]?|\) - )$/;
const narrowGaps = /^(?:[ ./-]| ?-?\(|\)[ ./-]?)$/;
const extension = /[ ,;]{0,2}(?:ext(?:ension)?|x|доб|durchwahl|poste|分机)[.:]? ?\d{1,6}(?!\d)/iy;
/** The sign of an international number, not of an addition; with a space after it, only where a text begins. */
const plus = /(?:^|[^\p{Ll}\p{Lu}_)])(\+\(?)$|(?:^|[:;,(\n] ?)(\+ )$/u;
const plusChars = 4;
/** What follows a digit and a plus sign may be a summand, unless it is long. */
const minAddedDigits = 10;

export const phone: Recogniser = {
  kind: 'phone',
  *find(text) {
    for (const run of digitRuns(text, minDigits)) {
      for (const part of partsOf(run, gaps)) {
        const numbers = [...numbersIn(part, text)];
        yield* numbers.length > 0
          ? numbers
          : partsOf(part, narrowGaps).flatMap((each) => [...numbersIn(each, text)]);
      }
    }
  },
};

function partsOf(run: DigitRun, inner: RegExp): DigitRun[] {
  const parts: DigitGroup[][] = [];
  for (const group of run) {
    if (parts.length === 0 || !inner.test(group.gap)) parts.push([group]);
    else parts.at(-1)!.push(group);
  }
  return parts;
}

function* numbersIn(part: DigitRun, text: string): Iterable<Span> {
  const size = internationalSize(part, text);
  if (size > 0) yield spanOf(part.slice(0, size), text);
  const rest = part.slice(size);
  if (rest.length > 0 && isNational(rest, text)) yield spanOf(rest, text);
}

/** The sign before `start`; '' if there is none. */
function plusBefore(start: number, text: string): string {
  const match = plus.exec(text.slice(Math.max(0, start - plusChars), start));
  return match?.[1] ?? match?.[2] ?? '';
}

/** How many of the groups make an international number: as many as can, since lengths vary. */
function internationalSize(part: DigitRun, text: string): number {
  const { start } = part[0]!;
  const isSigned = plusBefore(start, text) !== '';
  const minLength = /\d\+\(?$/.test(text.slice(Math.max(0, start - plusChars), start))
    ? minAddedDigits
    : minDigits;
  const minSize = isSigned ? 1 : minDialledSize(part, text);
  for (let size = Math.min(part.length, maxGroups); size >= minSize; size -= 1) {
    // The 0 in "+44 (0)20" is for callers from within the country.
    const digits = joined(
      part.slice(0, size).filter(({ digits, gap }) => digits !== '0' || !gap.includes('(')),
    );
    const number = isSigned ? digits : digits.replace(/^0(?:0|11)/, '');
    if (number.length >= minLength && isInternational(number) && endsFree(part[size - 1]!.end, text))
      return size;
  }
  return 0;
}

/** With the prefix 00, or North America's 011, an international number must be named, or grouped as one. */
function minDialledSize(part: DigitRun, text: string): number {
  const { digits, start } = part[0]!;
  const isPrefixed = /^(?:00[1-9]|011$)/.test(digits) || (digits === '00' && part.length > 1);
  if (!isPrefixed || !startsFree(start, text)) return Number.POSITIVE_INFINITY;
  return isNamed(spanOf(part, text), text) ? 1 : 3;
}

function isNational(part: DigitRun, text: string): boolean {
  const numDigits = joined(part).length;
  if (numDigits < minDigits || numDigits > maxDigits || part.length > maxGroups) return false;
  const { start, end } = parenthesised(part, text);
  const writing = text.slice(start, end);
  if (isOtherwiseShaped(writing) || !startsFree(start, text) || !endsFree(end, text)) return false;
  if (isInUuid(text, { start, end })) return false;
  if (isNamed(spanOf(part, text), text) && !/^,\d{1,2}(?!\d)/.test(after(text, end, 4))) return true;
  if (otherNumberWords.test(inClause(text, start, 24))) return false;
  return isPhoneShaped(writing) || isChineseMobile(writing, before(text, start, 12) + after(text, end, 12));
}

/** Whether a word before or after the number says what it is. */
const isNamed = ({ start, end }: Span, text: string): boolean =>
  speaksFor(before(text, start), phoneWords, otherNumberWords) || namedAfter.test(after(text, end, 16));

/** Eleven digits without a separator are a number among many, except in a Chinese sentence. */
const isChineseMobile = (writing: string, around: string): boolean =>
  /^1[3-9]\d{9}$/.test(writing) && /\p{Script=Han}/u.test(around);

function startsFree(start: number, text: string): boolean {
  const left = text.slice(Math.max(0, start - 2), start);
  return !/(?:[\p{Ll}\p{Lu}\p{N}_#]|[\p{Ll}\p{Lu}\p{N}_][.-]|[$€£¥₹] ?)$/u.test(left);
}

function endsFree(end: number, text: string): boolean {
  const right = after(text, end, 16);
  const isTouched =
    /^(?:(?!x ?\d|ext)[\p{Ll}\p{Lu}\p{N}_]|\.\d|:\d{1,2}(?!\d)| ?[%€$£¥₹°]|-[\p{L}\p{N}])/u.test(right);
  return !isTouched || namedAfter.test(right);
}

function parenthesised(part: DigitRun, text: string): Span {
  const start = part[0]!.start;
  const end = part.at(-1)!.end;
  const isOpen = text[start - 1] === '(' && text.slice(start, end).includes(')');
  return { start: isOpen ? start - 1 : start, end };
}

/** With the sign before it and the extension after it. */
function spanOf(part: DigitRun, text: string): Span {
  const { start, end } = parenthesised(part, text);
  const sign = plusBefore(start, text);
  extension.lastIndex = end;
  return { start: start - sign.length, end: end + (extension.exec(text)?.[0].length ?? 0) };
}
