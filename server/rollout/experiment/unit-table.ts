/** What is known of the units seen last. Bounded: the ones that were silent for longest go, and count as new if they return. */
import type { Arm } from './assign.ts';

/** Things that count once a unit. */
const marks = { failed: 1, corrected: 2, ttft: 4, tpot: 8 } as const;

export interface UnitEntry {
  readonly arm: Arm;
  /** Answers so far. */
  answers: number;
  /** Sum of the bits of `marks`. */
  marks: number;
  /** Of its ratings: sum and number. */
  quality: number;
  ratings: number;
  /** Of its user, from before the experiment, as said with the first rating. */
  earlier: number | null;
}

/** Unit, arm, answers, marks, quality, ratings, and earlier where it is known. */
export type UnitState = readonly number[];

export const isUnitState = (state: UnitState): boolean => state.length === 6 || state.length === 7;

/** True the first time; afterwards the entry is marked. */
export function markFirst(entry: UnitEntry, mark: keyof typeof marks): boolean {
  const isFirst = (entry.marks & marks[mark]) === 0;
  entry.marks |= marks[mark];
  return isFirst;
}

export class UnitTable {
  private readonly maxUnits: number;
  private readonly entries = new Map<number, UnitEntry>();

  constructor(maxUnits: number, states: readonly UnitState[] = []) {
    this.maxUnits = maxUnits;
    for (const state of states.slice(-maxUnits)) this.entries.set(state[0]!, entryOf(state));
  }

  /** Null of a unit that is not known. */
  get(unit: number): UnitEntry | null {
    return this.entries.get(unit) ?? null;
  }

  /** Makes it the one seen last; `entry` as it was or a new one. */
  put(unit: number, entry: UnitEntry): UnitEntry {
    this.entries.delete(unit);
    this.entries.set(unit, entry);
    if (this.entries.size > this.maxUnits) this.entries.delete(this.entries.keys().next().value!);
    return entry;
  }

  state(): readonly UnitState[] {
    return [...this.entries].map(([unit, entry]) => stateOf(unit, entry));
  }
}

export const newUnit = (arm: Arm): UnitEntry => ({
  arm,
  answers: 0,
  marks: 0,
  quality: 0,
  ratings: 0,
  earlier: null,
});

const stateOf = (unit: number, { arm, answers, marks, quality, ratings, earlier }: UnitEntry): UnitState => [
  ...[unit, arm === 'canary' ? 1 : 0, answers, marks, quality, ratings],
  ...(earlier === null ? [] : [earlier]),
];

function entryOf([, arm, answers, marks, quality, ratings, earlier]: UnitState): UnitEntry {
  return {
    arm: arm === 1 ? 'canary' : 'stable',
    answers: answers!,
    marks: marks!,
    quality: quality!,
    ratings: ratings!,
    earlier: earlier ?? null,
  };
}
