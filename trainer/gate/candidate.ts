/** What is to be judged, and what it came from. */
import type { Prepared } from '../learn/lesson-maker.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Parent } from './parent.ts';

export interface Candidate {
  readonly model: TrainableModel;
  readonly values: Parameters;
  /** What it was built on. */
  readonly parent: Parent;
  readonly learned: readonly Prepared[];
  /** Answers taught before, some of them; none that the learned ones have taken the place of. */
  readonly earlier: readonly Prepared[];
  /** Counts gates; decides which passages, canaries and probes are looked at. */
  readonly turn: number;
}
