/**
 * A run of train steps that can be interrupted anywhere: what a step learns from is a function of its number, and the
 * state after a step is all that the next one needs. A run that goes on from a state gives the same losses as one that
 * was never interrupted.
 */
import { AdamW, type AdamWOptions, type AdamWState } from './adamw.ts';
import { average, copyOf } from './ema.ts';
import {
  added,
  type GradientSession,
  type GradientStep,
  type Parameters,
  type Sum,
} from './gradient-session.ts';
import type { Lesson } from './lesson.ts';
import { rateAt, type ScheduleName } from './schedule.ts';

export interface TrainOptions {
  readonly numSteps: number;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  readonly optimizer: AdamWOptions;
  /** Of the average that is kept beside the values; 0 keeps none. */
  readonly emaDecay: number;
  /** Of the teachers. */
  readonly temperature: number;
}

export interface TrainState {
  readonly values: Parameters;
  readonly optimizer: AdamWState;
  /** Null without an average. */
  readonly ema: Parameters | null;
}

export interface StepReport {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly parts: GradientStep['parts'];
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** The lessons of a step, in micro-batches whose gradients are added up. Weights sum to what the step should weigh. */
export type LessonsOf = (step: number) => Promise<readonly (readonly Lesson[])[]>;

export class TrainRun {
  private readonly session: GradientSession;
  private readonly options: TrainOptions;
  private readonly optimizer: AdamW;
  private readonly values: Map<string, Float32Array>;
  private readonly ema: Map<string, Float32Array> | null;

  constructor(session: GradientSession, options: TrainOptions, start: { values: Parameters } | TrainState) {
    this.session = session;
    this.options = options;
    const state = 'optimizer' in start ? start : null;
    this.optimizer = new AdamW(options.optimizer, state?.optimizer);
    this.values = copyOf(start.values);
    this.ema = options.emaDecay === 0 ? null : copyOf(state?.ema ?? start.values);
  }

  get numDone(): number {
    return this.optimizer.state.numSteps;
  }

  get state(): TrainState {
    return { values: this.values, optimizer: this.optimizer.state, ema: this.ema };
  }

  /** What the run has learned: the average where one is kept. */
  get result(): Parameters {
    return this.ema ?? this.values;
  }

  /** Throws when a loss or a gradient is not finite; the state is then that of the step before. */
  async step(batches: readonly (readonly Lesson[])[]): Promise<StepReport> {
    const { numSteps, schedule, emaDecay } = this.options;
    const learningRate = this.options.learningRate * rateAt(schedule, this.numDone, numSteps);
    const { loss, parts, gradients } = await this.accumulate(batches);
    if (!Number.isFinite(loss)) throw new Error(`the loss of step ${this.numDone + 1} is ${loss}`);
    const gradientNorm = this.optimizer.step(this.values, gradients, learningRate);
    if (this.ema !== null) average(this.ema, this.values, emaDecay);
    return { step: this.numDone, loss, parts, gradientNorm, learningRate };
  }

  private async accumulate(batches: readonly (readonly Lesson[])[]): Promise<Sum> {
    let total: Sum | null = null;
    for (const lessons of batches) {
      const step = await this.session.step(this.values, lessons, this.options.temperature);
      total = total === null ? step : added(total, step);
    }
    if (total === null) throw new Error('a step has at least one lesson');
    return total;
  }
}
