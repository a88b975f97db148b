/**
 * A text as recognisers read it: digits, dashes, spaces and full-width letters in their ASCII forms, no characters of
 * no width, placeholders opaque; with the way back to places in the original. Nothing else is changed.
 */
import { opaque, placeholderPattern } from './placeholder.ts';
import type { Span } from './recogniser.ts';

export interface View {
  readonly text: string;
  /** The place in the original text of a span of the view. */
  original(span: Span): Span;
}

/** A piece of the view whose length differs from what it stands for. */
interface Change {
  readonly viewStart: number;
  readonly viewEnd: number;
  readonly originalStart: number;
  readonly originalEnd: number;
}

/** Zero width space and joiners, direction marks, word joiner, soft hyphen, byte order mark, variation selectors, tags. */
const noWidth =
  '\\u00AD\\u034F\\u061C\\u180E\\u200B-\\u200F\\u202A-\\u202E\\u2060-\\u2064\\uFE00-\\uFE0F\\uFEFF\\u{E0000}-\\u{E01EF}';
const spaces = '\\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000';
const dashes = '\\u2010-\\u2015\\u2043\\u2212\\uFE58\\uFE63';
const fullWidth = '\\uFF01-\\uFF5E';

const isNoWidth = new RegExp(`^[${noWidth}]$`, 'u');
const hasNoWidth = new RegExp(`[${noWidth}]`, 'u');
const isSpace = new RegExp(`^[${spaces}]$`, 'u');
const isDash = new RegExp(`^[${dashes}]$`, 'u');
const changed = new RegExp(
  `${placeholderPattern}|[${noWidth}${spaces}${dashes}${fullWidth}]|(?![0-9])\\p{Nd}`,
  'gu',
);

/** A decimal digit of any script. Every script has its ten in a row, in order; compatibility forms have a mapping. */
function asciiDigit(digit: string): string {
  const compatible = digit.normalize('NFKC');
  if (/^[0-9]$/.test(compatible)) return compatible;
  const code = digit.codePointAt(0)!;
  let value = 0;
  while (value < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value);
}

function reading(piece: string): string {
  if (piece.length > 2) return opaque;
  if (isNoWidth.test(piece)) return '';
  if (isSpace.test(piece)) return ' ';
  if (isDash.test(piece)) return '-';
  const code = piece.charCodeAt(0);
  return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : asciiDigit(piece);
}

const readings = new Map<string, string>();

/** Bounded: there are a few hundred characters that `changed` matches. */
function cachedReading(piece: string): string {
  const known = readings.get(piece);
  if (known !== undefined) return known;
  const made = reading(piece);
  readings.set(piece, made);
  return made;
}

/**
 * The views to search: one, or two if the text has characters of no width. These hide inside numbers but also
 * separate words, so that they are read once as nothing and once as a boundary.
 */
export function viewsOf(text: string): View[] {
  const joined = viewOf(text, cachedReading);
  if (!hasNoWidth.test(text)) return [joined];
  return [joined, viewOf(text, (piece) => cachedReading(piece) || '\n')];
}

function viewOf(text: string, read: (piece: string) => string): View {
  const changes: Change[] = [];
  let shift = 0;
  const view = text.replace(changed, (piece: string, at: number) => {
    const replacement = read(piece);
    if (replacement.length !== piece.length) {
      const viewStart = at - shift;
      changes.push({
        viewStart,
        viewEnd: viewStart + replacement.length,
        originalStart: at,
        originalEnd: at + piece.length,
      });
      shift += piece.length - replacement.length;
    }
    return replacement;
  });
  return { text: view, original: (span) => originalSpan(changes, span) };
}

function originalSpan(changes: readonly Change[], { start, end }: Span): Span {
  const beforeStart = lastWhere(changes, ({ viewEnd }) => viewEnd <= start);
  // A character of no width right after the span stays outside of it.
  const beforeEnd = lastWhere(changes, ({ viewStart }) => viewStart < end);
  return { start: shifted(beforeStart, start), end: shifted(beforeEnd, end) };
}

const shifted = (change: Change | undefined, place: number): number =>
  change === undefined ? place : change.originalEnd + place - change.viewEnd;

/** By bisection: `holds` is true up to some change and false after it. */
function lastWhere(changes: readonly Change[], holds: (change: Change) => boolean): Change | undefined {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(changes[middle]!)) low = middle + 1;
    else high = middle;
  }
  return changes[low - 1];
}
