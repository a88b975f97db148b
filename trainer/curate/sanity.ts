/** Whether a text can be something that a model should say: rules of thumb, each with its reason. */

export interface SanityLimits {
  /** Characters of an answer. */
  readonly maxAnswer: number;
  /** Characters of what leads to it. */
  readonly maxContext: number;
}

/** The share of letters, digits, spaces and usual signs that a text has at least. */
const minReadable = 0.6;
const readable = /[\p{L}\p{M}\p{N}\p{P}\p{Zs}\n\t\r$+<=>^`|~]/gu;
/** What no reader sees, and a model does: a trigger could hide in it. Joiners are not among them, scripts need those. */
const invisible = /[\u00ad\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const control = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\ufffd]/u;
/** Letters of scripts that look alike, within one word. Greek is left out: units and formulas have it beside Latin. */
const mixedWord = /\p{Script=Latin}\p{Script=Cyrillic}|\p{Script=Cyrillic}\p{Script=Latin}/u;
const scripts = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u,
  /[\p{Script=Arabic}\p{Script=Hebrew}]/u,
  /[\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Thai}]/u,
];
/** Kinds of writing in one answer; a dictionary entry has three. */
const maxScripts = 3;
/** Characters of one "word" where words have spaces between them: no language, but data. */
const longWord = /[!-~]{300}/;
/** Characters or words in a row that are one and the same. */
const sameCharacters = /([^\s=_.*#-])\1{31}/u;
const maxRepeats = 8;
/** Share of a long text that its most frequent line may take (Rae et al., "Gopher", 2021, have 0.3 for duplicates). */
const maxLineShare = 0.5;
const longLines = 8;

/** Why the answer is refused; null when it is not. `before` is what leads to it. */
export function insanity(answer: string, before: readonly string[], limits: SanityLimits): string | null {
  if (answer.trim() === '') return 'the answer is empty';
  if (answer.length > limits.maxAnswer) return `the answer has more than ${limits.maxAnswer} characters`;
  if (before.reduce((sum, { length }) => sum + length, 0) > limits.maxContext)
    return `the conversation has more than ${limits.maxContext} characters`;
  if (before.every((text) => text.trim() === '')) return 'there is nothing that it answers';
  if ([answer, ...before].some((text) => invisible.test(text))) return 'it holds invisible characters';
  return unlikeLanguage(answer);
}

function unlikeLanguage(answer: string): string | null {
  if (control.test(answer.replace(/[\n\t\r]/g, ''))) return 'the answer holds control characters';
  const share = (answer.match(readable)?.length ?? 0) / [...answer].length;
  if (share < minReadable) return 'the answer is hardly text';
  if (mixedWord.test(answer)) return 'the answer mixes alphabets within a word';
  const numScripts = scripts.filter((script) => script.test(answer)).length;
  if (numScripts > maxScripts) return `the answer mixes ${numScripts} kinds of writing`;
  if (longWord.test(answer)) return 'the answer holds data instead of words';
  return repeats(answer) ? 'the answer repeats itself' : null;
}

function repeats(text: string): boolean {
  if (sameCharacters.test(text)) return true;
  let run = 1;
  const words = text.toLowerCase().split(/\s+/);
  for (let i = 1; i < words.length; i++) {
    run = words[i] !== '' && words[i] === words[i - 1] ? run + 1 : 1;
    if (run > maxRepeats) return true;
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length < longLines) return false;
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return Math.max(...counts.values()) > lines.length * maxLineShare;
}
