/**
 * One canary beside the stable version: takes what was observed, and keeps, in bounded space, what verdict.ts judges by. Every
 * test is brought up to date with each outcome, so that a breach is not missed between two looks.
 */
import { invariant } from '../../../core/invariant.ts';
import type { Interval } from '../../../core/stats/arms.ts';
import { type ArmState, countOutcome, recordOutcome } from './arm-record.ts';
import type { Arm } from './assign.ts';
import type { ExperimentState } from './experiment-state.ts';
import { type FailureRunState, judgedRun, withContrast, withFailure, withoutBlame } from './failure-run.ts';
import { LatencyWindow } from './latency-window.ts';
import type { Answer, Outcome } from './observation.ts';
import type { ExperimentOptions } from './options.ts';
import { narrowed } from './quality-comparison.ts';
import { lastLook, type SplitState, withUnit } from './split-check.ts';
import { markFirst, newUnit, type UnitEntry, UnitTable } from './unit-table.ts';
import {
  type Latency,
  latencies,
  type UnitEvent,
  type Wagers,
  wagerStates,
  wagersFrom,
} from './unit-wagers.ts';

/** Units remembered, of both arms together, so that both forget alike. */
const maxUnits = lastLook;
/** Stable's latencies that a slow one is told by. */
const minWindow = 64;
/** Slow is what only such a share of stable's latest answers are, which reach their 95th percentile. */
const slowShare = 0.05;
/** Of a unit, so many answers are asked whether they are slow: in a long conversation one of them always is. */
const maxTimedAnswers = 3;

const windowsOf = (states: Readonly<Record<Latency, readonly number[]>>) => ({
  ttft: new LatencyWindow(states.ttft),
  tpot: new LatencyWindow(states.tpot),
});

export class Experiment {
  readonly id: string;
  readonly startedMs: number;
  readonly options: ExperimentOptions;
  readonly arms: Readonly<Record<Arm, ArmState>>;
  readonly windows: Readonly<Record<Arm, Readonly<Record<Latency, LatencyWindow>>>>;
  /**
   * Against the claim that a unit to which something bad happens for the first time is the canary's as often as any unit is.
   * It holds whatever the rates are and however they change, when the versions are alike: units were split at random.
   */
  readonly wagers: Wagers;
  private readonly units: UnitTable;
  private currentShare: number;
  private currentRun: FailureRunState;
  private currentSplit: SplitState;
  private currentDifference: Interval;

  /** Takes `state` over: it is not to be used any more. */
  constructor(state: ExperimentState) {
    this.id = state.id;
    this.startedMs = state.startedMs;
    this.options = state.options;
    this.arms = state.arms;
    this.windows = { stable: windowsOf(state.windows.stable), canary: windowsOf(state.windows.canary) };
    this.wagers = wagersFrom(state.wagers);
    this.units = new UnitTable(maxUnits, state.units);
    this.currentShare = state.share;
    this.currentRun = state.run;
    this.currentSplit = state.split;
    this.currentDifference = state.difference;
  }

  get share(): number {
    return this.currentShare;
  }
  get run(): FailureRunState {
    return this.currentRun;
  }
  get split(): SplitState {
    return this.currentSplit;
  }
  get difference(): Interval {
    return this.currentDifference;
  }

  /** Who is the canary's stays so: a share does not shrink. Not to be done in answer to what was observed. */
  grow(share: number): void {
    invariant(share >= this.currentShare && share < 1, 'a share grows, and leaves something to stable');
    this.currentShare = share;
  }

  /** `arm` is the one whose version made the answer. */
  record(arm: Arm, outcome: Outcome): void {
    const entry = this.entryOf(arm, outcome.unit);
    this.follow(arm, outcome);
    // Else it is late news from the arm that the unit has left.
    if (entry.arm === arm) this.weigh(arm, entry, outcome);
    else countOutcome(this.arms[arm].tally, outcome);
  }

  state(): ExperimentState {
    const windows = (arm: Arm) => ({
      ttft: this.windows[arm].ttft.state(),
      tpot: this.windows[arm].tpot.state(),
    });
    return structuredClone({
      format: 1,
      ...{ id: this.id, startedMs: this.startedMs, share: this.share, options: this.options },
      arms: this.arms,
      windows: { stable: windows('stable'), canary: windows('canary') },
      units: this.units.state(),
      wagers: wagerStates(this.wagers),
      ...{ run: this.run, split: this.split, difference: this.difference },
    });
  }

  private weigh(arm: Arm, entry: UnitEntry, outcome: Outcome): void {
    const news = recordOutcome(this.arms[arm], entry, outcome);
    if (news !== null) this.bet(news, arm);
    if (outcome.kind === 'answer') this.time(arm, entry, outcome);
    else if (outcome.kind !== 'failure') this.compareQuality();
  }

  private entryOf(arm: Arm, unit: number): UnitEntry {
    const known = this.units.get(unit);
    if (known === null) this.currentSplit = withUnit(this.split, arm, this.share);
    // A growing share moves units, from stable to canary only; there they begin anew.
    const isNew = known === null || (known.arm === 'stable' && arm === 'canary');
    if (isNew) this.arms[arm].tally.units += 1;
    return this.units.put(unit, isNew ? newUnit(arm) : known);
  }

  private follow(arm: Arm, { kind, unit }: Outcome): void {
    if (kind !== 'answer' && kind !== 'failure') return;
    if (arm === 'stable')
      this.currentRun = kind === 'answer' ? withContrast(this.run) : withoutBlame(this.run);
    else this.currentRun = kind === 'answer' ? withoutBlame(this.run) : withFailure(this.run, unit);
    const { requests, failures } = this.arms.stable.tally;
    if (failures <= this.options.maxHealthyFailures * requests)
      this.currentRun = judgedRun(this.run, this.options.maxFailuresInRow);
  }

  private bet(event: UnitEvent, arm: Arm): void {
    this.wagers[event].bet(arm === 'canary' ? 'event' : 'nothing', this.share);
  }

  private time(arm: Arm, entry: UnitEntry, answer: Answer): void {
    if (entry.answers > maxTimedAnswers) return;
    for (const latency of latencies) {
      const valueMs = answer[`${latency}Ms`];
      if (valueMs === null) continue;
      const usual = this.windows.stable[latency];
      if (usual.count >= minWindow && usual.isSlow(valueMs, slowShare) && markFirst(entry, latency))
        this.bet(latency, arm);
      this.windows[arm][latency].add(valueMs);
    }
  }

  private compareQuality(): void {
    const { levels, minRatedUnits } = this.options;
    const sums = { control: this.arms.stable.quality, treatment: this.arms.canary.quality };
    this.currentDifference = narrowed(this.difference, sums, {
      alpha: levels.quality,
      minPerArm: minRatedUnits,
    });
  }
}
