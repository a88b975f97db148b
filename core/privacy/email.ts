/**
 * E-mail addresses: an @ between a local part and a domain, with the lengths of RFC 5321 and letters of spaced scripts
 * (RFC 6531). Of the local part's punctuation, only what people use: the rest belongs to the text around it.
 */
import { anyWord, before } from './context.ts';
import type { Recogniser, Span } from './recogniser.ts';

const [maxLocalChars, contextChars] = [64, 160];

/** Scripts that put spaces between words; in others, the sentence around an address would be taken for a part of it. */
const letters = 'A-Za-z0-9\\p{Script=Latin}\\p{Script=Cyrillic}\\p{Script=Greek}\\p{Script=Devanagari}\\p{M}';
const isLocal = new RegExp(`^[${letters}_.%+'-]$`, 'u');
const label = `[${letters}][${letters}_-]{0,62}`;
const ending = '(?:xn--[a-z0-9-]{2,59}|[A-Za-z]{2,24}|\\p{Script=Cyrillic}{2,24})';
/** Chinese domains: their endings are known, since more text may stand right after them. */
const hanDomain = '[\\p{Script=Han}A-Za-z0-9-]{1,63}\\.(?:中国|中國|公司|网络|网址|在线|香港|台灣)';
const domains = new RegExp(`(?:(?:${label}\\.){1,8}${ending}(?![A-Za-z0-9_])|${hanDomain})`, 'uy');

/** File names (icon@2x.png) and members (a@b.shape). */
const noDomain =
  /\.(?:png|jpe?g|gif|svg|webp|ico|s?css|[mc]?[jt]sx?|json|html?|xml|ya?ml|toml|txt|exe|dll|whl|tgz|gz|shape|weight|bias|grad|data|dtype|transpose|conj|flat|mean|sum|dot|length|size|value|values|key)$/i;
const addressWords = anyWord(
  'e-?mails?|mail|mailto|contact|write|adresse?|correo|courriel',
  '邮箱|邮件|メール',
);

export const email: Recogniser = {
  kind: 'email',
  *find(text) {
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      const span = addressAround(text, at);
      if (span !== null) yield span;
    }
  },
};

function addressAround(text: string, at: number): Span | null {
  domains.lastIndex = at + 1;
  const domain = domains.exec(text)?.[0];
  if (domain === undefined) return null;
  const start = localStart(text, at);
  const local = text.slice(start, at);
  if (local === '' || local.length > maxLocalChars || local.includes('..') || local === 'git') return null;
  const context = before(text, start, contextChars);
  if (noDomain.test(domain) && !addressWords.test(context)) return null;
  return isInUrl(context) ? null : { start, end: at + 1 + domain.length };
}

/** Before the query of a URL, an @ ends a password (credentials.ts) or stands in a path. */
function isInUrl(context: string): boolean {
  const scheme = context.lastIndexOf('://');
  return scheme >= 0 && !/[\s"'<>?&=]/.test(context.slice(scheme));
}

function localStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && at - start <= maxLocalChars && isLocal.test(text[start - 1]!)) start -= 1;
  while (start < at && /[.'%+-]/.test(text[start]!)) start += 1;
  return start;
}
