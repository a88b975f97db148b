/** One question that a load can answer about a server, with what must hold unless something else is asked for. */
import type { Figure } from './figure.ts';
import type { Given, Load, Rig } from './rig.ts';

export interface Scenario {
  /** Thresholds begin with it. */
  readonly name: string;
  /** The question that it answers, one sentence. */
  readonly answers: string;
  /** Thresholds without the scenario's name, such as "failed.share <= 0%". */
  readonly holds: readonly string[];
  /** What must be given and is not, as an option's name with its reason; null where nothing is missing. */
  readonly missing?: (given: Given) => string | null;
  /** Throws where it cannot be run to its end. */
  readonly run: (rig: Rig) => Promise<Result>;
}

export interface Result {
  readonly loads: readonly Load[];
  /** Beside those of each load. */
  readonly figures: readonly Figure[];
}
