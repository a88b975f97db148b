/** The nearest known name to a mistyped one. */

/** Levenshtein distance (insert, delete, replace cost 1), by the two-row dynamic programme. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** The known name within a third of the word's length in edits, case aside; else null. Words over 100 characters get none. */
export function suggest(word: string, known: readonly string[]): string | null {
  if (word.length > 100) return null;
  const distances = known.map((name) => ({
    name,
    edits: editDistance(word.toLowerCase(), name.toLowerCase()),
  }));
  const best = distances.sort((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= Math.max(2, word.length / 3) ? best.name : null;
}

/** " Did you mean X?" or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const name = suggest(word, known);
  return name === null ? '' : ` Did you mean ${name}?`;
}
