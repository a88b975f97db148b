/** Digits with separators between them, as cards and phone numbers are written: runs, cut into groups. */
import type { Span } from './recogniser.ts';

export interface DigitGroup extends Span {
  readonly digits: string;
  /** What separates the group from the one before it; '' for the first. */
  readonly gap: string;
}

/** As long as possible: no group can be added at either end. */
export type DigitRun = readonly DigitGroup[];

// The repeated class holds the digit that must follow, so that a failing attempt ends where the run ends, and a run
// is tried once.
const runs = /\d[\d ./()-]*\d/g;

/** The runs of at least `minDigits` digits. */
export function* digitRuns(text: string, minDigits: number): Iterable<DigitRun> {
  for (const match of text.matchAll(runs)) {
    if (match[0].length < minDigits) continue;
    const groups = groupsOf(match[0], match.index);
    if (groups.reduce((count, { digits }) => count + digits.length, 0) >= minDigits) yield groups;
  }
}

function groupsOf(run: string, offset: number): DigitGroup[] {
  let last = 0;
  return [...run.matchAll(/\d+/g)].map((match) => {
    const [digits] = match;
    const gap = run.slice(last, match.index);
    last = match.index + digits.length;
    return { digits, gap, start: offset + match.index, end: offset + last };
  });
}

export const joined = (groups: DigitRun): string => groups.map(({ digits }) => digits).join('');

const uuid = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;
const uuidChars = 36;

/** Whether the span is a part of a UUID. */
export function isInUuid(text: string, { start, end }: Span): boolean {
  const from = Math.max(0, start - uuidChars);
  const match = uuid.exec(text.slice(from, end + uuidChars));
  return match !== null && from + match.index < end && from + match.index + uuidChars > start;
}
