/** Request bodies: strict UTF-8, strict JSON, no keys that reach for prototypes, no endless nesting. */
import { MillraceError } from '../../core/errors.ts';

const maxDepth = 64;
/** Keys that reach for prototypes, also spelled with escapes. */
const suspicious = /__proto__|constructor|prototype|\\u00/;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws invalid_argument. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  checkDepth(text);
  try {
    return suspicious.test(text) ? JSON.parse(text, refuseKeys) : JSON.parse(text);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    return refuse('it is not valid JSON');
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return refuse('it is not valid UTF-8');
  }
}

/** Counts brackets outside of strings: enough to stop a body that is all brackets before it is parsed. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 92) i++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      if (++depth > maxDepth) refuse(`it is nested deeper than ${maxDepth} levels`);
    } else if (code === 93 || code === 125) depth--;
  }
}

function refuseKeys(key: string, value: unknown): unknown {
  if (forbiddenKeys.has(key)) refuse(`the key "${key}" is not allowed`);
  return value;
}

function refuse(reason: string): never {
  throw new MillraceError('invalid_argument', { message: `The body cannot be used: ${reason}.` });
}
