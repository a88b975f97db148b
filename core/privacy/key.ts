/** Keys of known formats (key-formats.ts), wherever they stand, and formats that need more than a beginning. */
import { before } from './context.ts';
import { type KeyFormat, keyFormats } from './key-formats.ts';
import { patternRecogniser, type Recogniser, type Span } from './recogniser.ts';
import { entropyBits, looksRandom } from './secret-value.ts';

const formatOf = new Map<string, KeyFormat>(keyFormats.map((format) => [format.prefix, format]));
const longestFirst = [...formatOf.keys()].sort((a, b) => b.length - a.length);
const escaped = longestFirst.map((prefix) => prefix.replace(/[.]/g, '\\.'));
const prefixes = new RegExp(`(?<![A-Za-z0-9])(?:${escaped.join('|')})`, 'g');

/** Below it a value is a row of x or a word: "ghp_xxxxxxxx", "sk-learn-style-loading-indicator". */
const minEntropyBits = 2.8;

export const prefixedKey: Recogniser = {
  kind: 'secret',
  *find(text) {
    let free = 0;
    for (const match of text.matchAll(prefixes)) {
      const span = match.index < free ? null : keyAt(text, match.index, match[0]);
      if (span === null) continue;
      free = span.end;
      yield span;
    }
  },
};

function keyAt(text: string, start: number, prefix: string): Span | null {
  const { rest, isWordLike } = formatOf.get(prefix)!;
  rest.lastIndex = start + prefix.length;
  const value = rest.exec(text)?.[0];
  if (value === undefined || (isWordLike && !looksRandom(value)) || entropyBits(value) < minEntropyBits)
    return null;
  return { start, end: start + prefix.length + value.length };
}

const awsWords = /aws|amazon|secret|s3|A[KS]IA[A-Z2-7]{16}/i;

/** The secret half of an AWS key: 40 characters that say nothing by themselves. */
export const awsSecretKey = patternRecogniser({
  kind: 'secret',
  pattern: /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g,
  accepts: (value, { start }, text) =>
    /[a-z]/.test(value) &&
    /[A-Z]/.test(value) &&
    looksRandom(value) &&
    awsWords.test(before(text, start, 120)),
});

/** Bot API, "Authorizing your bot": the bot's id, a colon and 35 characters, of which the first are AA. */
export const telegramToken = patternRecogniser({
  kind: 'secret',
  pattern: /(?<![A-Za-z0-9])\d{7,10}:AA[\w-]{33}(?![\w-])/g,
  accepts: (value) => entropyBits(value) > minEntropyBits,
});

/** Microsoft Entra client secrets: three characters, a digit, Q~ and 31 to 34 characters. */
export const azureSecret = patternRecogniser({
  kind: 'secret',
  pattern: /(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w.~-])/g,
  accepts: (value) => entropyBits(value) > minEntropyBits,
});
