/** What a value looks like: made by a random generator, chosen by a person, or only standing for one. */

/** Shannon entropy of the characters, in bits per character. */
export function entropyBits(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

const minEntropyBits = 3;
/**
 * Random text goes from letters to digits or back, or from small letters to capitals, at 0.4 to 0.47 of its places,
 * names in camel case at about 0.15.
 */
const minChanges = 0.2;
/** Names of several words have marks between them, and random text has few marks. */
const solidPart = /[A-Za-z0-9]{12}/;
const changes = /[A-Za-z](?=\d)|\d(?=[A-Za-z])|[a-z](?=[A-Z])/g;

/** Whether a value of 16 or more characters looks drawn at random: words, paths and identifiers do not. */
export function looksRandom(value: string): boolean {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value) || !solidPart.test(value)) return false;
  const solid = value.replace(/[^A-Za-z0-9]/g, '');
  const numChanges = solid.match(changes)?.length ?? 0;
  return (
    solid.length >= 16 &&
    numChanges >= minChanges * (solid.length - 1) &&
    entropyBits(value) >= minEntropyBits
  );
}

/** $VARIABLE, ${variable}, {{variable}}, <what to put here>, %s, …, xxxx. */
const templates = [
  /^\$[{(]/,
  /^\$(?:[A-Z_][A-Z0-9_]*|[A-Za-z_]+)$/,
  /^\{.{0,254}\}$/,
  /^<.{0,254}>$/,
  /^\[.{0,254}\]$/,
  /^%[\w.{(-]{1,64}[%)}sd]?$/,
  /^[*•x.X_#-]+$/,
  /^\.{3}/,
];
const placeholderWords =
  /^(?:(?:your|my|the|an?|some|new|old|user|db|test|example|sample|dummy|fake|change|insert|enter|replace|put)[ _-]?){0,4}(?:me|here|this|in|api|access|secret|auth|client|private)?[ _-]?(?:password|passwd|pwd|pass|secret|token|key|value|here|it)?(?:[ _-]?here|s)?$/i;

const mask = /([x*#.\u2022])\1{7}/i;

/** A variable, a mask or an instruction where a value belongs. */
export function isTemplate(value: string): boolean {
  return (
    templates.some((template) => template.test(value)) || placeholderWords.test(value) || mask.test(value)
  );
}

/** Calls, members, paths and words of a language. */
const code =
  /[([{]|=>|^[a-z_$][\w$]*(?:\??\.[a-z_$][\w$]*){1,8}$|^(?:const|let|var|new|await|function|string|null|none|true|false|undefined)$|^\/|:\/\//i;

const call = /^[A-Za-z_$][\w$.]{0,80}\(/;

export const isCode = (value: string): boolean =>
  call.test(value) || (code.test(value) && !looksRandom(value));
