/**
 * The id that a response names its version by: the base's digest, the adapter's, and the revision of the memory where
 * something from it stood in the context. "sha256:0123456789ab", "sha256:0123456789ab+cdef01234567+m12".
 */
import { isAdapterId } from '../../core/registry/adapter-manifest.ts';

export function versionId(base: string, adapter: string | null, memoryRevision: number | null): string {
  const ofAdapter = adapter === null ? '' : `+${adapter}`;
  const ofMemory = memoryRevision === null ? '' : `+m${memoryRevision}`;
  return `${base}${ofAdapter}${ofMemory}`;
}

export interface Pin {
  /** Null: any base. */
  readonly base: string | null;
  /** Null is the base alone. */
  readonly adapter: string | null;
}

/** What a request pins itself to: a version id, an adapter's id, or "base". Null when it is none of them. */
export function parsePin(text: string): Pin | null {
  if (text === 'base') return { base: null, adapter: null };
  if (isAdapterId(text)) return { base: null, adapter: text };
  const [base, ...rest] = text.split('+');
  if (!/^sha256:[0-9a-f]{12}$/.test(base!)) return null;
  const adapter = rest.find((part) => !/^m\d+$/.test(part)) ?? null;
  return adapter === null || isAdapterId(adapter) ? { base: base!, adapter } : null;
}
