/**
 * Failures in a row: the quick way to see that a version does not work at all. It is no test, and has no level: what
 * keeps it from false alarms is that the other version works at the same time.
 */

export interface FailureRunState {
  /** Failures of the watched version since its last answer. */
  readonly length: number;
  readonly firstUnit: number;
  readonly isOfSeveralUnits: boolean;
  /** The other version answered since the run began. */
  readonly isContrasted: boolean;
  /** There has been a run long enough. */
  readonly isBroken: boolean;
}

export const noRun: FailureRunState = {
  length: 0,
  firstUnit: 0,
  isOfSeveralUnits: false,
  isContrasted: false,
  isBroken: false,
};

const endOf = ({ isBroken }: FailureRunState): FailureRunState => ({ ...noRun, isBroken });

/** The watched version failed. */
export function withFailure(run: FailureRunState, unit: number): FailureRunState {
  if (run.length === 0) return { ...noRun, length: 1, firstUnit: unit, isBroken: run.isBroken };
  const isOfSeveralUnits = run.isOfSeveralUnits || unit !== run.firstUnit;
  return { ...run, length: run.length + 1, isOfSeveralUnits };
}

/** The watched version answered; or the other one failed too, so that something else is wrong. */
export const withoutBlame = (run: FailureRunState): FailureRunState => (run.length === 0 ? run : endOf(run));

/** The other version answered. */
export const withContrast = (run: FailureRunState): FailureRunState =>
  run.length === 0 || run.isContrasted ? run : { ...run, isContrasted: true };

/**
 * Enough are `max` failures of more than one unit while the other version answers. A single request that can only fail is
 * tried three times by the usual clients, so that one unit has to fail twice as often; so has a version without another
 * beside it.
 */
export function judgedRun(run: FailureRunState, max: number): FailureRunState {
  const enough = run.isOfSeveralUnits && run.isContrasted ? max : 2 * max;
  return run.length >= enough ? { ...run, isBroken: true } : run;
}
