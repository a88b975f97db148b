/** How much two texts say the same, by their words. */

/** Beyond, a text is not looked at: this bounds the time, to about a millisecond. */
const maxChars = 20_000;
/** Letters and digits that stand together; where words are not set apart, each character. */
const wordPattern =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|[\p{L}\p{M}\p{N}]+/gu;

/** In small letters, in order. */
export const wordsOf = (text: string): readonly string[] =>
  text.slice(0, maxChars).toLowerCase().match(wordPattern) ?? [];

/**
 * Dice's coefficient of the words with their numbers, 2 |A ∩ B| / (|A| + |B|), in [0, 1] (Ecology 26, 1945). Order does not
 * count. Two texts without words are alike.
 */
export function wordOverlap(a: readonly string[], b: readonly string[]): number {
  if (a.length + b.length === 0) return 1;
  const left = new Map<string, number>();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of b) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  return (2 * shared) / (a.length + b.length);
}
