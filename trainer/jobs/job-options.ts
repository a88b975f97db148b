/** How jobs train, where the client leaves it to us. */
import { type AdamWOptions, adamWDefaults } from '../train/adamw.ts';
import type { ScheduleName } from '../train/schedule.ts';

export interface JobOptions {
  /** Longest text that is learned from. */
  readonly maxTokens: number;
  /** Of one run of the graph; memory grows with its square. A single example may have more. */
  readonly maxBatchTokens: number;
  /** The state is saved after so many steps: what a kill costs at most. */
  readonly saveEverySteps: number;
  /** Longest job. */
  readonly maxSteps: number;
  /** What a multiplier of 1 is, by method. */
  readonly learningRates: Readonly<Record<'supervised' | 'dpo', number>>;
  readonly schedule: ScheduleName;
  readonly optimizer: AdamWOptions;
}

export const jobDefaults: JobOptions = {
  maxTokens: 512,
  maxBatchTokens: 512,
  saveEverySteps: 10,
  maxSteps: 10_000,
  // Of adapters on the gate linears; on all linears two fifths of it move the model as far.
  learningRates: { supervised: 1.2e-3, dpo: 2.5e-4 },
  // Factors begin with B at zero: no warm-up is needed, and a job of one step must learn.
  schedule: 'linear',
  optimizer: adamWDefaults,
};
