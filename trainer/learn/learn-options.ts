/** How an update learns. The defaults are what the experiments in docs/experiments.md led to. */
import type { AdamWOptions } from '../train/adamw.ts';
import type { LevelOptions } from './level.ts';

export interface LearnOptions {
  readonly maxSteps: number;
  readonly learningRate: number;
  readonly optimizer: AdamWOptions;
  /** An answer is learned when its least likely token has this log probability. */
  readonly learnedLogprob: number;
  /** Mean −log p of a new answer above which it is an outlier, and not learned from. */
  readonly maxStartLoss: number;
  /** A row whose gradient is this many times as large as the median of earlier rows' is an outlier. */
  readonly maxGradientRatio: number;
  /** New rows of one update; further ones wait for the next. */
  readonly maxNew: number;
  /** New rows of one account in one update. */
  readonly maxNewPerAccount: number;
  /** Earlier rows that every other step repeats. */
  readonly numReplayed: number;
  /** Earlier answers that are looked at when the new ones are learned, how often, and how many a step then mends. */
  readonly numChecked: number;
  readonly maxChecks: number;
  readonly maxMended: number;
  /** An earlier answer is lost when its least likely token has less. */
  readonly knownLogprob: number;
  /** Passages that the other steps are held to the base on, and how strongly. */
  readonly numAnchors: number;
  readonly anchorWeight: number;
  readonly level: LevelOptions;
  /** Of an update that the gate has refused: the shares of the way that are tried next, in order. */
  readonly partWay: readonly number[];
  /** Of DPO and KTO. */
  readonly beta: number;
  readonly pairWeight: number;
  readonly thumbWeight: number;
  /** Steps of an update that has nothing but pairs and thumbs, which are never finished. */
  readonly preferenceSteps: number;
}

export const learnDefaults: LearnOptions = {
  maxSteps: 20,
  learningRate: 2.2e-3,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradientNorm: 1 },
  learnedLogprob: -0.4,
  maxStartLoss: 9,
  maxGradientRatio: 10,
  maxNew: 4,
  maxNewPerAccount: 2,
  numReplayed: 1,
  numChecked: 16,
  maxChecks: 2,
  maxMended: 4,
  knownLogprob: -0.6,
  numAnchors: 1,
  anchorWeight: 4,
  level: { numPassages: 12, tolerance: 0.003, maxMoves: 2, maxShare: 0.1 },
  partWay: [0.85, 0.7],
  beta: 0.1,
  pairWeight: 0.3,
  thumbWeight: 0.1,
  preferenceSteps: 4,
};
