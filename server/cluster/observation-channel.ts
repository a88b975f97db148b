/**
 * What followers observe of versions on trial, on its way to the learner, which decides. At least once: who takes an
 * observation twice tells so by its id.
 */

export interface Observed<T> {
  /** Of the observation, given by whoever made it: the same each time it comes. 1 to 200 characters. */
  readonly id: string;
  readonly observation: T;
}

export interface Taken<T> extends Observed<T> {
  /** To be acknowledged with. */
  readonly receipt: string;
}

/** Observations of one call. */
export const maxBatch = 500;
/** Of one observation as JSON. */
export const maxObservationBytes = 64 * 2 ** 10;

/** Of what is plain data. */
export interface ObservationChannel<T> {
  /**
   * Adds up to maxBatch observations, in order. Beyond the channel's bound, which is held about, the oldest go.
   * Throws invalid_argument for too many or too large ones, cluster_unavailable, when some or all may have been added.
   */
  append(observations: readonly Observed<T>[]): Promise<void>;
  /**
   * The oldest that were not acknowledged, up to `max`, once there are any or `waitMs` are over: those that were taken
   * before and not acknowledged, by this process or an earlier one, and when there are none, new ones. One process takes
   * at a time, and acknowledges before it takes again.
   * Throws cluster_unavailable.
   */
  take(max: number, waitMs: number): Promise<readonly Taken<T>[]>;
  /** These do not come again. Throws cluster_unavailable. */
  acknowledge(receipts: readonly string[]): Promise<void>;
  /** Observations that wait to be acknowledged, about. Throws cluster_unavailable. */
  size(): Promise<number>;
  close(): Promise<void>;
}
