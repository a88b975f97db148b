/** A course of corrections, one after another, and what was seen on the way. */
import type { Fate } from './endpoint.ts';
import type { Loss } from './perplexity.ts';
import type { SpillSample } from './spill.ts';
import type { TrainingLoss } from './training-loss.ts';

/** After one correction. */
export interface Update {
  readonly correction: number;
  readonly fate: Fate;
  /** Of the version that contains it; null when none was published. */
  readonly loss: Loss | null;
  readonly trainingLoss: TrainingLoss | null;
}

/** After some corrections: which of them the weights know. */
export interface Check {
  readonly correction: number;
  readonly exact: readonly boolean[];
  /** One of the two paraphrases of each, taken by turns. */
  readonly paraphrase: readonly boolean[];
}

export interface Course {
  readonly base: Loss;
  readonly updates: readonly Update[];
  readonly checks: readonly Check[];
  /** After the last one. */
  readonly spill: readonly SpillSample[];
}
