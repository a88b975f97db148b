/** Smoothed throughput, tokens per second, for wait estimates. */
import type { StepShape } from './step-time.ts';

/** Weight of the newest step. */
const smoothing = 0.05;

/** Tokens and the time they took are smoothed apart: a mean of rates would count short steps as much as long ones. */
class Rate {
  private tokens = 0;
  private tookMs = 0;

  /** 0 until measured. */
  get perSecond(): number {
    return this.tookMs === 0 ? 0 : (this.tokens * 1000) / this.tookMs;
  }

  observe(tokens: number, tookMs: number): void {
    const weight = this.tookMs === 0 ? 1 : smoothing;
    this.tokens += weight * (tokens - this.tokens);
    this.tookMs += weight * (Math.max(tookMs, 0.01) - this.tookMs);
  }
}

export class Speed {
  private readonly prompts = new Rate();
  private readonly answers = new Rate();

  /** Prompt tokens per second while prompts are computed. */
  get prefill(): number {
    return this.prompts.perSecond;
  }

  /** Generated tokens per second over all sequences. */
  get decode(): number {
    return this.answers.perSecond;
  }

  observe(shape: StepShape, tookMs: number): void {
    if (shape.chunkTokens > 0) this.prompts.observe(shape.chunkTokens, tookMs);
    if (shape.decodeRows > 0) this.answers.observe(shape.decodeRows, tookMs);
  }
}
