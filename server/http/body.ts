/** Request bodies: strict UTF-8, strict JSON, no keys that reach for prototypes or come twice, no endless nesting. */
import { MillraceError } from '../../core/errors.ts';

const maxDepth = 64;
/** Keys that reach for prototypes, also spelled with escapes. */
const suspicious = /__proto__|constructor|prototype|\\u00/;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);
const [quote, comma, openBracket, closeBracket, openBrace, closeBrace] = [34, 44, 91, 93, 123, 125];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws invalid_argument. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  checkStructure(text);
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

/**
 * Walks over brackets and keys outside of strings: a body that is all brackets is stopped before it is parsed, and so is
 * one that says a field twice, of which parsers and the proxies in front of them take different ones.
 */
function checkStructure(text: string): void {
  /** By depth: the keys of the object that is open there, the first apart since most have few. Null for a list. */
  const first: (string | null)[] = [];
  const others: (Set<string> | null)[] = [];
  let isKeyNext = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) {
      const end = endOfString(text, i);
      if (end < 0) return;
      if (isKeyNext) noteKey(text.slice(i, end + 1), first, others);
      isKeyNext = false;
      i = end;
    } else if (code === openBrace || code === openBracket) {
      if (first.length === maxDepth) refuse(`it is nested deeper than ${maxDepth} levels`);
      first.push(code === openBrace ? '' : null);
      others.push(null);
      isKeyNext = code === openBrace;
    } else if (code === closeBrace || code === closeBracket) {
      first.pop();
      others.pop();
      isKeyNext = false;
    } else if (code === comma) {
      isKeyNext = typeof first.at(-1) === 'string';
    }
  }
}

/** Place of the quote that ends the string which begins at `at`; -1 if none does. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let numBackslashes = 0;
  while (text[at - 1 - numBackslashes] === '\\') numBackslashes++;
  return numBackslashes % 2 === 1;
}

/** `quoted` is the key as it is spelled. */
function noteKey(quoted: string, first: (string | null)[], others: (Set<string> | null)[]): void {
  const key = quoted.includes('\\') ? unescaped(quoted) : quoted;
  const depth = first.length - 1;
  if (first[depth] === '') {
    first[depth] = key;
    return;
  }
  others[depth] ??= new Set([first[depth]!]);
  const known = others[depth];
  if (known.has(key)) {
    const shown = key
      .slice(1, -1)
      .replace(/\p{Cc}/gu, '?')
      .slice(0, 64);
    refuse(`it has the key "${shown}" twice in one object`);
  }
  known.add(key);
}

function unescaped(quoted: string): string {
  try {
    return JSON.stringify(JSON.parse(quoted));
  } catch {
    // No JSON: whoever parses the whole will say so.
    return quoted;
  }
}

function refuseKeys(key: string, value: unknown): unknown {
  if (forbiddenKeys.has(key)) refuse(`the key "${key}" is not allowed`);
  return value;
}

function refuse(reason: string): never {
  throw new MillraceError('invalid_argument', { message: `The body cannot be used: ${reason}.` });
}
