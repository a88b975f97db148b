/**
 * Words of a question that say which thing it is about: names, codes, numbers. Two questions can be worded alike and
 * mean different things; vectors of sentences hardly see that, these words do.
 */

const word = /[\p{L}\p{N}][\p{L}\p{N}\p{M}'’.+-]*/gu;
const sentenceEnd = /[.!?:;]/u;
const opening = /["“'(¿¡*-]/u;
const maxCharacters = 2_000;

export interface Words {
  /** Scripts without capital letters have none but codes and numbers. */
  readonly names: ReadonlySet<string>;
  /** All words, the names among them. */
  readonly words: ReadonlySet<string>;
}

/** In lower case, and without the s of a plural or of an owner. */
export function wordsIn(text: string): Words {
  const [names, words] = [new Set<string>(), new Set<string>()];
  const read = text.slice(0, maxCharacters).normalize('NFKC');
  for (const match of read.matchAll(word)) {
    const found = match[0].replace(/['’.+-]+$/u, '').replace(/['’]s$/u, '');
    const plain = found.toLowerCase().replace(/(?<=\p{L}{3})s$/u, '');
    words.add(plain);
    if (isName(found, startsSentence(read, match.index))) names.add(plain);
  }
  return { names, words };
}

/** Codes and numbers: one that is nearly right is another one. */
export const isCode = (name: string): boolean => /\p{N}/u.test(name);

function isName(found: string, isFirst: boolean): boolean {
  if (isCode(found)) return true;
  if (found === 'I' || /^I['’]/u.test(found)) return false;
  const capitals = found.match(/\p{Lu}/gu)?.length ?? 0;
  return capitals >= 2 || (capitals === 1 && !isFirst);
}

/** There a capital letter says nothing. */
function startsSentence(text: string, index: number): boolean {
  const before = text.slice(0, index).trimEnd();
  const gap = text.slice(before.length, index);
  const last = before.at(-1);
  if (last === undefined || gap.includes('\n') || opening.test(last)) return true;
  return gap !== '' && sentenceEnd.test(last);
}
