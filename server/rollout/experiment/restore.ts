/** Experiments, watches and periods out of JSON that an earlier process wrote, checked before anything is built on it. */
import { Experiment } from './experiment.ts';
import { type ExperimentState, newExperiment } from './experiment-state.ts';
import { checkOptions } from './options.ts';
import { newPeriod, Period, type PeriodState } from './period.ts';
import { hasShapeOf } from './shape.ts';
import { isUnitState, type UnitState } from './unit-table.ts';
import { Watch } from './watch.ts';
import { newWatch, type WatchState } from './watch-state.ts';

/** Why there is none: the caller begins anew. */
export interface Unusable {
  readonly problem: string;
}

const anyLatencies = { ttft: [0], tpot: [0] };
const anyUnits: readonly UnitState[] = [[0]];
const experimentTemplate: ExperimentState = {
  ...newExperiment({ id: '', startedMs: 0, share: 0.5 }),
  windows: { stable: anyLatencies, canary: anyLatencies },
  units: anyUnits,
};
const periodTemplate: PeriodState = { ...newPeriod(), units: anyUnits, ttft: [[0]], tpot: [[0]] };
const watchTemplate: WatchState = {
  ...newWatch({ usual: newPeriod(), startedMs: 0 }),
  usual: periodTemplate,
  since: periodTemplate,
};

/** An experiment that goes on where the state was taken. */
export function restoreExperiment(json: unknown): Experiment | Unusable {
  if (!hasShapeOf(json, experimentTemplate) || json.format !== 1 || !json.units.every(isUnitState))
    return { problem: 'it is not the state of an experiment' };
  if (!(json.share > 0 && json.share < 1)) return { problem: 'its share leaves an arm empty' };
  if (!['promote', 'rollback'].includes(json.options.atTimeout))
    return { problem: 'it does not say what happens at its end' };
  return problemOf(() => checkOptions(json.options)) ?? new Experiment(structuredClone(json));
}

/** A watch that goes on where the state was taken. */
export function restoreWatch(json: unknown): Watch | Unusable {
  if (!hasShapeOf(json, watchTemplate) || json.format !== 1)
    return { problem: 'it is not the state of a watch' };
  if (![...json.usual.units, ...json.since.units].every(isUnitState))
    return { problem: 'its units are malformed' };
  return new Watch(structuredClone(json));
}

/** A period that goes on where the state was taken. */
export function restorePeriod(json: unknown): Period | Unusable {
  if (!hasShapeOf(json, periodTemplate) || !json.units.every(isUnitState))
    return { problem: 'it is not the state of a period' };
  return new Period(structuredClone(json));
}

function problemOf(check: () => void): Unusable | null {
  try {
    check();
    return null;
  } catch (error) {
    return { problem: String(error) };
  }
}
