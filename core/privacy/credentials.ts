/** User name and password in URLs and connection strings (RFC 3986 section 3.2.1). Scheme and host stay readable. */
import type { Recogniser, Span } from './recogniser.ts';
import { isTemplate } from './secret-value.ts';

/** From after "://": a password may hold an @, so that the last one before the path ends it. */
const userInfo = /[^\s/:@"'<>`\uFFFC]{0,128}:[^\s/"'<>`\uFFFC]{1,256}@/y;

export const credentials: Recogniser = {
  kind: 'credentials',
  *find(text) {
    for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
      const span = credentialsAt(text, at + 3);
      if (span !== null && /[A-Za-z0-9]/.test(text[at - 1] ?? '')) yield span;
    }
  },
};

function credentialsAt(text: string, start: number): Span | null {
  userInfo.lastIndex = start;
  const found = userInfo.exec(text)?.[0].slice(0, -1);
  if (found === undefined || isTemplate(found.slice(found.indexOf(':') + 1))) return null;
  return { start, end: start + found.length };
}

/** curl's option for the same. */
const curlUser = /(?<=\s)(?:-u|--user)[ =]{1,2}["']?([^\s"':<>]{0,128}["']?:["']?[^\s"'<>]{3,256})/g;
const commandChars = 512;

export const curlCredentials: Recogniser = {
  kind: 'credentials',
  *find(text) {
    for (const match of text.matchAll(curlUser)) {
      const [whole, userAndPassword] = match as unknown as [string, string];
      const end = match.index + whole.length;
      const command = text.slice(Math.max(0, match.index - commandChars), match.index);
      const password = userAndPassword.slice(userAndPassword.indexOf(':') + 1);
      if (/\bcurl\b/.test(command) && !isTemplate(password))
        yield { start: end - userAndPassword.length, end };
    }
  },
};
