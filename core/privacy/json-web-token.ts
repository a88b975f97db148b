/** JSON web tokens (RFC 7519), signed or encrypted: two to five base64url parts, the first a JSON header with "alg". */
import { patternRecogniser } from './recogniser.ts';

function hasHeader(token: string): boolean {
  const header = Buffer.from(token.split('.', 1)[0]!, 'base64url').toString('utf8');
  return header.startsWith('{') && header.includes('"alg"');
}

export const jsonWebToken = patternRecogniser({
  kind: 'secret',
  // eyJ is {" in base64.
  pattern: /(?<![\w-])eyJ[\w-]{8,2000}(?:\.[\w-]{0,8000}){1,4}/g,
  accepts: hasHeader,
});
