/**
 * Payment cards: ISO/IEC 7812-1 numbers of 12 to 19 digits with a Luhn digit, and either a known issuer and a card's
 * grouping, or a word for it before them.
 */
import { passesLuhn } from './checksum.ts';
import { anyWord, before } from './context.ts';
import { type DigitGroup, type DigitRun, digitRuns, isInUuid, joined } from './digit-run.ts';
import type { Recogniser, Span } from './recogniser.ts';

const [minDigits, maxDigits] = [12, 19];
/** Visa's first cards were so long. Now most numbers of this length are something else, such as EAN. */
const formerDigits = 13;

/** Issuers' published ranges: Visa, Mastercard, Amex, Discover and RuPay, Diners, JCB, UnionPay, Maestro, Mir. */
const issuers: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:60|64[4-9]|65|81|82)/, [16, 19]],
  [/^(?:30[0-5]|309|36|3[89])/, [14, 16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^62/, [16, 19]],
  [/^(?:50|5[6-8]|6304|67)/, [13, 16, 18, 19]],
  [/^220[0-4]/, [16, 19]],
];

/** Sizes of the groups as they stand on cards; anything else has to be all of the run. */
const layouts = new Set(['4444', '44443', '44442', '465', '464', '4441', '88', '613']);
const maxLayoutGroups = 5;

const cardWords = anyWord(
  '(?<!(?:id|identity)[ _-])cards?|visa|master ?card|amex|american express|discover|diners|jcb|maestro|mir|credit|debit|pan|cc|kreditkarten?(?:nummer)?|karten?(?:nummer)?|carte|tarjeta|carta|cart[ãa]o|kaart|kort|karta|карт[аыеу]|kart',
  '信用卡|银行卡|卡号|カード|카드|銀聯|银联',
);
const otherNumberWords = anyWord(
  'orders?|tracking|invoice|imei|isbn|issn|ean|gtin|upc|sku|serial|timestamp|snowflake|bestell(?:nummer|ung)|sendung(?:snummer)?|commande|pedido|transaction id|build',
  '订单|运单|快递|単号|单号|注文',
);

export const card: Recogniser = {
  kind: 'card',
  *find(text) {
    for (const run of digitRuns(text, minDigits)) yield* cardsIn(run, text);
  },
};

function* cardsIn(run: DigitRun, text: string): Iterable<Span> {
  for (let first = 0; first < run.length; first += 1) {
    const length = cardLength(run, first, text);
    if (length === 0) continue;
    yield { start: run[first]!.start, end: run[first + length - 1]!.end };
    first += length - 1;
  }
}

/** Number of groups of the longest card that begins at group `first`; 0 if none does. */
function cardLength(run: DigitRun, first: number, text: string): number {
  // Unless it is the whole run, a card has a layout.
  const last = first === 0 ? run.length : Math.min(run.length, first + maxLayoutGroups);
  let numDigits = 0;
  let length = 0;
  for (let end = first; end < last; end += 1) {
    const group = run[end]!;
    numDigits += group.digits.length;
    if (numDigits > maxDigits || (end > first && !/^[ .-]{1,3}$/.test(group.gap))) break;
    if (numDigits >= minDigits && isCard(run, first, end + 1, text)) length = end + 1 - first;
  }
  return length;
}

function isCard(run: DigitRun, first: number, end: number, text: string): boolean {
  const groups = run.slice(first, end);
  const isWholeRun = groups.length === run.length;
  if (!isWholeRun && groups.length > 1 && !layouts.has(layoutOf(groups))) return false;
  const number = joined(groups);
  if (
    !passesLuhn(number) ||
    (!isWholeRun && !isIssued(number)) ||
    new Set(number).size === 1 ||
    !isFree(run, first, end, text)
  )
    return false;
  const span = { start: groups[0]!.start, end: groups.at(-1)!.end };
  if (isInUuid(text, span)) return false;
  const context = before(text, span.start);
  return (
    (isWholeRun && cardWords.test(context)) || (isIssued(number) && isCardLike(groups, isWholeRun, context))
  );
}

const layoutOf = (groups: readonly DigitGroup[]): string =>
  groups.map(({ digits }) => digits.length).join('');

/** Whether no digit, letter or fraction touches the groups. */
function isFree(run: DigitRun, first: number, end: number, text: string): boolean {
  const { start } = run[first]!;
  const left = first === 0 ? text.slice(Math.max(0, start - 3), start) : `0${run[first]!.gap}`;
  const right =
    end === run.length ? text.slice(run[end - 1]!.end, run[end - 1]!.end + 2) : `${run[end]!.gap}0`;
  return (
    !/(?:[\p{Ll}\p{Lu}\p{N}_]|(?<!\p{L})\.|(?<!\d)0,)$/u.test(left) &&
    !/^(?:[\p{Ll}\p{Lu}\p{N}_]|\.\d)/u.test(right)
  );
}

const isIssued = (number: string): boolean =>
  issuers.some(([prefix, lengths]) => prefix.test(number) && lengths.includes(number.length));

/** Without a word for it, a number must be written as cards are. */
function isCardLike(groups: readonly DigitGroup[], isWholeRun: boolean, context: string): boolean {
  const sizes = groups.map(({ digits }) => digits.length);
  if (groups.length === 1) return sizes[0] !== formerDigits && !otherNumberWords.test(context);
  if (layouts.has(layoutOf(groups))) return true;
  return isWholeRun && sizes.every((size) => size > 2) && groups.every(({ gap }) => !gap.includes('.'));
}
