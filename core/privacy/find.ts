/** Personal data and secrets in a text, as disjoint places in order. Reads only: redact.ts replaces. */
import type { Kind, Span } from './recogniser.ts';
import { recognisers } from './recognisers.ts';
import { viewsOf } from './view.ts';

export interface Finding extends Span {
  readonly kind: Kind;
}

interface Candidate extends Finding {
  /** Place of the recogniser in the list. */
  readonly rank: number;
}

/** Where candidates overlap, one finding covers them all; its kind is the longest one's, or the more specific one's. */
export function findPersonalData(text: string): Finding[] {
  const candidates = viewsOf(text).flatMap((view) =>
    recognisers.flatMap(({ kind, find }, rank) =>
      Array.from(find(view.text), (span): Candidate => ({ kind, rank, ...view.original(span) })),
    ),
  );
  candidates.sort((a, b) => a.start - b.start);
  return merged(candidates);
}

function merged(candidates: readonly Candidate[]): Finding[] {
  const findings: Finding[] = [];
  for (let first = 0; first < candidates.length; ) {
    let end = candidates[first]!.end;
    let next = first + 1;
    for (; next < candidates.length && candidates[next]!.start < end; next += 1)
      end = Math.max(end, candidates[next]!.end);
    const { kind } = candidates.slice(first, next).reduce(preferred);
    findings.push({ kind, start: candidates[first]!.start, end });
    first = next;
  }
  return findings;
}

function preferred(a: Candidate, b: Candidate): Candidate {
  const difference = a.end - a.start - (b.end - b.start);
  return difference > 0 || (difference === 0 && a.rank < b.rank) ? a : b;
}
