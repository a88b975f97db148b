/**
 * What a recogniser is: a linear pattern that proposes, a check that disposes. Recognisers see a normalised view of
 * the text (view.ts), never the text itself, and know nothing of each other; find.ts settles overlaps.
 */

/** What can be found. The replacement of a finding is its kind in brackets. */
export const kinds = [
  'email',
  'card',
  'iban',
  'phone',
  'ssn',
  'resident-id',
  'nhs-number',
  'tax-id',
  'ip',
  'mac',
  'credentials',
  'secret',
  'wallet',
] as const;

export type Kind = (typeof kinds)[number];

/** Characters `start` up to, not including, `end`, in units of a JavaScript string. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Recogniser {
  readonly kind: Kind;
  /** Disjoint spans in order. Takes time linear in the text, whatever the text. */
  find(text: string): Iterable<Span>;
}

export interface PatternRule {
  readonly kind: Kind;
  /** With the flag g. Repetitions are bounded or over one class, and never nested, so that no text makes it slow. */
  readonly pattern: RegExp;
  /** Decides about one match in its surroundings. */
  accepts(value: string, at: Span, text: string): boolean;
}

/** A recogniser of whole matches of one pattern. */
export function patternRecogniser({ kind, pattern, accepts }: PatternRule): Recogniser {
  return {
    kind,
    *find(text) {
      for (const match of text.matchAll(pattern)) {
        const span = { start: match.index, end: match.index + match[0].length };
        if (accepts(match[0], span, text)) yield span;
      }
    },
  };
}
