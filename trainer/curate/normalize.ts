/** Texts for comparison: what differs in case, spacing or punctuation only is the same. */

export function normalized(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Share of words that two texts have in common, of all words of both (Jaccard). 1 for two empty texts. */
export function wordOverlap(a: string, b: string): number {
  const [left, right] = [wordsOf(a), wordsOf(b)];
  if (left.size === 0 && right.size === 0) return 1;
  const shared = [...left].filter((word) => right.has(word)).length;
  return shared / (left.size + right.size - shared);
}

const wordsOf = (text: string): Set<string> =>
  new Set(
    normalized(text)
      .split(' ')
      .filter((word) => word !== ''),
  );
