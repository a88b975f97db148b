/**
 * Passwords and keys by the name they are given: `password=…`, `"api_key": "…"`, "the password is …". The name makes a
 * secret likely; what is code, a variable or a word is none (secret-value.ts).
 */
import { isOtherName, isPasswordName, names } from './assigned-name.ts';
import type { Recogniser, Span } from './recogniser.ts';
import { isCode, isTemplate, looksRandom } from './secret-value.ts';

const [minPasswordChars, minKeyChars, maxChars] = [4, 8, 256];

/** Between name and value: code's and configuration's signs, verbs, or the space after an option. */
const sign =
  ' {0,8}(?:=>|[:?+]{0,3}=|={1,3}|:)[ \\t]{0,8}| (?:is|was|ist|lautet|est|es|é|è)[: ]{1,2}|[是为為]|[ \\t]{1,4}';
const assignment = new RegExp(
  `(?<name>${names})(?<suffix>[\\w.-]{0,24})["'\`\\]]{0,2}(?<sign>${sign})` +
    `(?:(?<quote>["'\`])(?<quoted>[^"'\`\\n\\uFFFC]{${minPasswordChars},${maxChars}})\\k<quote>|(?<bare>[^\\s"'\`\\uFFFC]{${minPasswordChars},${maxChars}}))`,
  'giu',
);

export const assignedSecret: Recogniser = {
  kind: 'secret',
  *find(text) {
    // Its own copy: matches may overlap, since the value that was refused may be a name.
    const pattern = new RegExp(assignment);
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const span = secretIn(match, text);
      pattern.lastIndex = span?.end ?? match.index + match.groups!.name!.length;
      if (span !== null) yield span;
    }
  },
};

function secretIn(match: RegExpExecArray, text: string): Span | null {
  const { name, suffix, sign, quote, quoted, bare } = match.groups!;
  if (isOtherName(name!, suffix!, text.slice(Math.max(0, match.index - 24), match.index))) return null;
  if (
    /^[ \t]+$/.test(sign!) &&
    !/(?:^|\s)--?[\w-]{0,24}$/.test(text.slice(Math.max(0, match.index - 26), match.index))
  )
    return null;
  const value = quoted ?? bareValue(bare!, sign!);
  const isSecret = isPasswordName(name!) ? isPassword : isKey;
  if (!isSecret(value, quoted === undefined ? 'bare' : 'quoted')) return null;
  const start = match.index + match[0].length - (quoted ?? bare)!.length - (quote ?? '').length;
  return { start, end: start + value.length };
}

/** Without what ends a value in code, in a query and in a sentence. */
function bareValue(value: string, sign: string): string {
  const cut = sign.includes('=') ? value.split(/[&;,](?=[\w .-]{1,40}=)/, 1)[0]! : value;
  return cut.replace(/[,;.)}\]>。，；）」]{1,8}$/u, '');
}

type Writing = 'bare' | 'quoted';

/** People choose passwords: a digit or a sign among letters is enough. */
function isPassword(value: string, writing: Writing): boolean {
  if (isTemplate(value) || value.length < minPasswordChars) return false;
  if (writing === 'quoted' ? value.includes(' ') : isCode(value)) return false;
  if (!/\p{L}/u.test(value)) return /^\d+$/.test(value) || (/\d/.test(value) && /[^\w\s]/.test(value));
  return /[\d!@#$%^&*+?~]/.test(value);
}

const spokenWords = /key|token|secret|password|example|sample|placeholder|dummy|changeme|your|test/i;
const snakeCase = /^(?=\w{0,64}_)[A-Za-z]\w{0,256}$/;
const endsInVersion = /[-:]v?\d+\.\d+(?:\.\w+){0,2}$/;

/** Machines make keys: longer, and with no words in them unless they look random all the same. */
function isKey(value: string, writing: Writing): boolean {
  if (isTemplate(value) || value.length < minKeyChars || value.includes(' ') || endsInVersion.test(value))
    return false;
  if (writing === 'bare' && isCode(value)) return false;
  if (looksRandom(value)) return true;
  const isName = writing === 'bare' && snakeCase.test(value);
  return /\d/.test(value) && /[A-Za-z]/.test(value) && !spokenWords.test(value) && !isName;
}
