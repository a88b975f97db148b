/**
 * Words of a question that say which thing it is about: names, codes, numbers. Two questions can be worded alike and
 * mean different things; vectors of sentences hardly see that, these words do.
 */

const word = /[\p{L}\p{N}][\p{L}\p{N}'’.+-]*/gu;
/** Ends of a sentence, behind which a capital letter says nothing. */
const sentenceStart = /(?:^|[.!?:;]\s+|["“'(]\s*)$/u;
const maxCharacters = 2_000;

/** In lower case. Scripts without capital letters have none but codes and numbers. */
export function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  for (const match of text.slice(0, maxCharacters).matchAll(word)) {
    const found = match[0].replace(/['’.+-]+$/u, '').replace(/['’]s$/u, '');
    if (isName(found, sentenceStart.test(text.slice(Math.max(0, match.index - 3), match.index)))) {
      names.add(found.toLowerCase());
    }
  }
  return names;
}

function isName(found: string, startsSentence: boolean): boolean {
  if (/\p{N}/u.test(found)) return true;
  if (found === 'I' || /^I['’]/u.test(found)) return false;
  const capitals = found.match(/\p{Lu}/gu)?.length ?? 0;
  if (capitals >= 2) return true;
  return capitals === 1 && !startsSentence;
}
