/** The version that an answer names: base, adapter, and the memory it was given. */

export interface Version {
  readonly base: string;
  /** Twelve hexadecimal digits; null is the base alone. */
  readonly adapter: string | null;
  /** Revision of the memory, where one of its entries was used. */
  readonly memory: string | null;
}

/** "sha256:1f0c…+9ab3…+m12" in its parts. */
export function parseFingerprint(fingerprint: string): Version {
  const [base = '', ...rest] = fingerprint.split('+');
  return {
    base,
    adapter: rest.find((part) => /^[0-9a-f]{12}$/.test(part)) ?? null,
    memory: rest.find((part) => /^m\d+$/.test(part))?.slice(1) ?? null,
  };
}

/** The adapter in a fingerprint or in an id of its own; null where there is none. */
export function adapterOf(version: string | null | undefined): string | null {
  return version?.match(/(?:^|\+)([0-9a-f]{12})(?=$|\+)/)?.[1] ?? null;
}
