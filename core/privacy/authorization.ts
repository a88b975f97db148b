/** Credentials as HTTP carries them (RFC 6750, RFC 7617): Bearer with a token, Basic with user and password in base64. */
import type { Recogniser } from './recogniser.ts';
import { isTemplate, looksRandom } from './secret-value.ts';

const minTokenChars = 12;
const schemes =
  /(?<![\p{Ll}\p{Lu}\p{N}_])(bearer|basic|apikey|token)[ \t]{1,3}([A-Za-z0-9._~+/-]{8,4096}={0,2})/giu;

export const authorization: Recogniser = {
  kind: 'secret',
  *find(text) {
    for (const match of text.matchAll(schemes)) {
      const [whole, scheme, value] = match as unknown as [string, string, string];
      const end = match.index + whole.length;
      const isCredential = scheme.toLowerCase() === 'basic' ? isUserAndPassword(value) : isToken(value);
      if (isCredential) yield { start: end - value.length, end };
    }
  },
};

/** Words after "bearer", "token" and "basic" have no digits. */
const isToken = (value: string): boolean =>
  value.length >= minTokenChars && /\d/.test(value) && /[A-Za-z]/.test(value) && !isTemplate(value);

function isUserAndPassword(value: string): boolean {
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  return (decoded.includes(':') && /^[\x20-\x7e]+$/.test(decoded)) || looksRandom(value);
}
