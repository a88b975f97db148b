/** Why requests fail, in a few kinds that can be counted. */
import type { IncomingHttpHeaders } from 'node:http';

export const failureKinds = [
  /** 429, or 503 with a time to come back: the server says that it has no room. */
  'refused',
  /** Any other 4xx: the load is wrong, or a key is missing. */
  'rejected',
  /** Any other status. */
  'server error',
  /** Behind a head that said 200: the stream carried an error, or ended without [DONE]. */
  'broken stream',
  /** Refused, reset, or closed without a head. */
  'connection',
  /** No byte for too long. */
  'timeout',
  /** We left. */
  'left',
] as const;

export type FailureKind = (typeof failureKinds)[number];

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
}

export function kindOfStatus(status: number): FailureKind {
  if (status === 429 || status === 503) return 'refused';
  return status >= 400 && status < 500 ? 'rejected' : 'server error';
}

/** Milliseconds out of `retry-after-ms`, or else `retry-after` in seconds; null where neither is a number. */
export function retryAfterOf(headers: IncomingHttpHeaders): number | null {
  const exact = numberIn(headers['retry-after-ms']);
  if (exact !== null) return exact;
  const seconds = numberIn(headers['retry-after']);
  return seconds === null ? null : seconds * 1000;
}

function numberIn(value: string | string[] | undefined): number | null {
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) && number >= 0 ? number : null;
}

const maxErrors = 5;

/** The first few; texts that differ in numbers only are one. */
export function differentErrors(errors: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const error of errors) {
    const kind = error.replace(/\d+/g, '0');
    if (!found.has(kind) && found.size < maxErrors) found.set(kind, error);
  }
  return [...found.values()];
}
