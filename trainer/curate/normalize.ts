/** Texts for comparison: what differs in case, spacing, punctuation or invisible characters only is the same. */

export function normalized(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/\p{Cf}+/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
    .trim();
}

/** Writing that does not put spaces between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}]/u;
const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

export function wordsOf(text: string): string[] {
  const clean = normalized(text);
  const words = unspaced.test(clean)
    ? Array.from(segmenter.segment(clean), ({ segment }) => segment.trim())
    : clean.split(' ');
  return words.filter((word) => word !== '');
}

/** Words that say nothing of what a sentence is about. */
const functionWords = new Set(
  `a about all also am an and any are as at be been but by can could did do does for from get had has have how i if in into
is it its just like me might must my no nor not now of off on one or our out over please should so some than that the their
them then there these they this those to too up us very was we were what when where which who whom whose why will with would
yes you your yours s t ll re ve d m tell give say let`.split(/\s+/),
);

/** Words that turn a statement into its opposite, in a few languages. */
const negations = new Set(
  `no not never none cannot without nothing t isn don doesn won can't nicht kein keine nie ohne ne pas jamais sans nunca jamás sin non mai`.split(
    /\s+/,
  ),
);

/** A word without the endings by which an answer takes up a verb of its question: "take" and "takes" are one. */
export const stemOf = (word: string): string =>
  word.length < 4 ? word : word.replace(/(?:ing|ed|es|s|e)$/, '');

export const carriesMeaning = (word: string): boolean => !functionWords.has(word);
export const isNegation = (word: string): boolean => negations.has(word);
export const isNumber = (word: string): boolean => /\p{N}/u.test(word);

/** Share of words that two texts have in common, of all words of both (Jaccard). 1 for two empty texts. */
export function wordOverlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 && b.size === 0) return 1;
  const shared = numShared(a, b);
  return shared / (a.size + b.size - shared);
}

export const isSubset = (part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean =>
  numShared(part, whole) === part.size;

export function haveCommon(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const word of a) if (b.has(word)) return true;
  return false;
}

export function numShared(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let count = 0;
  for (const word of a) if (b.has(word)) count++;
  return count;
}
