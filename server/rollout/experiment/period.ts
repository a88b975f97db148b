/**
 * What was observed of the one version that serves everybody: as what is usual, or since another one took over. Bounded, and
 * of late: when there are too many units, all that was counted weighs half from then on.
 */
import { type ArmState, type News, newArm, recordOutcome, type Tally } from './arm-record.ts';
import { LoadWindows, type LoadWindowsState } from './load-windows.ts';
import type { Outcome } from './observation.ts';
import { blend, type QualitySums } from './quality-sums.ts';
import { newUnit, type UnitEntry, type UnitState, UnitTable } from './unit-table.ts';

const maxUnits = 1024;
/** Of a unit, so many answers are timed: one long conversation is not what is usual. */
const maxTimedAnswers = 3;

export interface PeriodState extends ArmState {
  readonly units: readonly UnitState[];
  readonly ttft: LoadWindowsState;
  readonly tpot: LoadWindowsState;
}

export const newPeriod = (): PeriodState => ({ ...newArm(), units: [], ttft: [], tpot: [] });

export interface Recorded {
  readonly entry: UnitEntry;
  readonly isNewUnit: boolean;
  readonly news: News;
}

export class Period {
  readonly ttft: LoadWindows;
  readonly tpot: LoadWindows;
  private arm: ArmState;
  private units: UnitTable;

  /** Takes `state` over: it is not to be used any more. */
  constructor(state: PeriodState = newPeriod()) {
    this.arm = { tally: state.tally, quality: state.quality };
    this.units = new UnitTable(maxUnits, state.units);
    this.ttft = new LoadWindows(state.ttft);
    this.tpot = new LoadWindows(state.tpot);
  }

  get tally(): Tally {
    return this.arm.tally;
  }
  get quality(): QualitySums {
    return this.arm.quality;
  }

  record(outcome: Outcome): Recorded {
    const known = this.units.get(outcome.unit);
    if (known === null) this.tally.units += 1;
    const entry = this.units.put(outcome.unit, known ?? newUnit('stable'));
    const news = recordOutcome(this.arm, entry, outcome);
    if (outcome.kind === 'answer' && isTimed(entry)) {
      if (outcome.ttftMs !== null) this.ttft.at(outcome.load).add(outcome.ttftMs);
      if (outcome.tpotMs !== null) this.tpot.at(outcome.load).add(outcome.tpotMs);
    }
    if (this.tally.units > maxUnits) this.weigh(0.5, newArm());
    return { entry, isNewUnit: known === null, news };
  }

  /** Adds what was observed in `next`. */
  absorb(next: Period): void {
    const isFull = this.tally.units + next.tally.units > maxUnits;
    this.weigh(isFull ? 0.5 : 1, next.arm);
    this.ttft.absorb(next.ttft);
    this.tpot.absorb(next.tpot);
  }

  state(): PeriodState {
    const units = this.units.state();
    return structuredClone({ ...this.arm, units, ttft: this.ttft.state(), tpot: this.tpot.state() });
  }

  private weigh(factor: number, other: ArmState): void {
    const tally = { ...this.tally };
    for (const key of Object.keys(tally) as (keyof Tally)[])
      tally[key] = factor * tally[key] + other.tally[key];
    this.arm = { tally, quality: blend(this.quality, factor, other.quality) };
    // What the units said is no longer in the sums with its full weight, and cannot be taken out of them.
    if (factor !== 1) this.units = new UnitTable(maxUnits);
  }
}

/** Whether the answer that was recorded last in it is one whose time counts. */
export const isTimed = ({ answers }: UnitEntry): boolean => answers <= maxTimedAnswers;
