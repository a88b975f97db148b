/** An experiment as a plain value: as it begins, and as it is stored. */
import { invariant } from '../../../core/invariant.ts';
import type { Interval } from '../../../core/stats/arms.ts';
import { type ArmState, newArm } from './arm-record.ts';
import type { Arm } from './assign.ts';
import { type FailureRunState, noRun } from './failure-run.ts';
import { checkOptions, type ExperimentOptions, experimentDefaults } from './options.ts';
import { anyDifference } from './quality-comparison.ts';
import { noSplit, type SplitState } from './split-check.ts';
import type { UnitState } from './unit-table.ts';
import { type Latency, newWagers, type WagerStates } from './unit-wagers.ts';

/** A plain value, fit to be stored as JSON: at most about 100 kB. */
export interface ExperimentState {
  readonly format: 1;
  readonly id: string;
  /** Milliseconds since 1970, since an experiment outlives a process. */
  readonly startedMs: number;
  /** Of conversations that are the canary's, inside (0, 1). */
  readonly share: number;
  readonly options: ExperimentOptions;
  readonly arms: Readonly<Record<Arm, ArmState>>;
  readonly windows: Readonly<Record<Arm, Readonly<Record<Latency, readonly number[]>>>>;
  readonly units: readonly UnitState[];
  readonly wagers: WagerStates;
  readonly run: FailureRunState;
  readonly split: SplitState;
  /** What the difference of mean quality, canary less stable, may still be. */
  readonly difference: Interval;
}

export interface ExperimentStart {
  readonly id: string;
  readonly startedMs: number;
  readonly share: number;
  readonly options?: Partial<ExperimentOptions>;
}

/** State of an experiment in which nothing was observed yet. Throws when share or options are impossible. */
export function newExperiment({ id, startedMs, share, options = {} }: ExperimentStart): ExperimentState {
  const complete = { ...experimentDefaults, ...options };
  checkOptions(complete);
  invariant(share > 0 && share < 1, 'an experiment has two arms');
  return {
    format: 1,
    ...{ id, startedMs, share, options: complete },
    arms: { stable: newArm(), canary: newArm() },
    windows: { stable: { ttft: [], tpot: [] }, canary: { ttft: [], tpot: [] } },
    units: [],
    wagers: newWagers(),
    run: noRun,
    split: noSplit,
    difference: anyDifference,
  };
}
