/** Learning rates over a run, as a share of the peak. Steps count from 0; a run has `numSteps` of them. */

export const schedules = ['constant', 'cosine', 'linear', 'wsd'] as const;
export type ScheduleName = (typeof schedules)[number];

/** Share of the steps in which the rate rises from 0, for those that warm up. */
const warmupShare = 0.1;
/** Warmup-stable-decay (Hu et al., "MiniCPM", 2024): share of the steps in which the rate falls at the end. */
const decayShare = 0.2;

/** In [0, 1]. */
export function rateAt(schedule: ScheduleName, step: number, numSteps: number): number {
  if (schedule === 'constant') return 1;
  if (schedule === 'linear') return 1 - step / numSteps;
  const warmup = Math.ceil(numSteps * warmupShare);
  if (step < warmup) return step / warmup;
  if (schedule === 'cosine') {
    return 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, numSteps - warmup)));
  }
  const decay = Math.ceil(numSteps * decayShare);
  return Math.min(1, (numSteps - step) / decay);
}
