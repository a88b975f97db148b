/** Smoothed throughput, tokens per second, for wait estimates. */
import type { StepShape } from './step-time.ts';

/** Weight of the newest step. */
const smoothing = 0.05;

export class Speed {
  /** Prompt tokens per second while prompts are computed; 0 until measured. */
  prefill = 0;
  /** Generated tokens per second over all sequences; 0 until measured. */
  decode = 0;

  observe(shape: StepShape, tookMs: number): void {
    const perSecond = 1000 / Math.max(tookMs, 0.01);
    if (shape.chunkTokens > 0) this.prefill = blend(this.prefill, shape.chunkTokens * perSecond);
    if (shape.decodeRows > 0) this.decode = blend(this.decode, shape.decodeRows * perSecond);
  }
}

function blend(old: number, value: number): number {
  return old === 0 ? value : old + smoothing * (value - old);
}
