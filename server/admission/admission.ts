/**
 * Whether a request may come in: counts what it has let in, estimates how long the next one would wait, and refuses
 * at once, with a time to come back, what would wait in vain.
 */
import { MillraceError } from '../../core/errors.ts';
import type { InferenceEngine } from '../batching/engine.ts';

export interface AdmissionLimits {
  /** Sequences that may wait for a slot. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** Weight of the newest request in the mean length of answers. */
const smoothing = 0.1;
/** Until something was measured: tokens per answer, and tokens per second over all sequences. */
const firstGuess = { answerTokens: 64, tokensPerSecond: 100 };

export class Admission {
  private readonly limits: AdmissionLimits;
  private readonly engine: InferenceEngine;
  private inFlight = 0;
  private answerTokens = firstGuess.answerTokens;

  constructor(engine: InferenceEngine, limits: AdmissionLimits) {
    this.engine = engine;
    this.limits = limits;
  }

  get numInFlight(): number {
    return this.inFlight;
  }

  /**
   * Lets `numSequences` in, or throws engine_unavailable, queue_full or deadline_unmeetable.
   * Call the result once, with the tokens generated, when they have ended.
   */
  admit(numSequences: number): (generatedTokens: number) => void {
    if (this.engine.state() !== 'ready') {
      const details = { reason: `it is ${this.engine.state()}`, retryAfterMs: 1000 };
      throw new MillraceError('engine_unavailable', details);
    }
    const { numSlots } = this.engine.stats();
    // Before the first step nothing is known of slots; the queue's bound still holds.
    const waiting = Math.max(0, this.inFlight + numSequences - Math.max(1, numSlots));
    const waitMs = this.waitMs(waiting);
    const retryAfterMs = Math.max(100, Math.ceil(this.waitMs(numSequences)));
    if (waiting > this.limits.maxWaiting) throw new MillraceError('queue_full', { waiting, retryAfterMs });
    if (waitMs > this.limits.maxWaitMs) {
      const { maxWaitMs } = this.limits;
      throw new MillraceError('deadline_unmeetable', {
        maxWaitMs,
        retryAfterMs: Math.ceil(waitMs - maxWaitMs),
      });
    }
    this.inFlight += numSequences;
    return (generatedTokens) => {
      this.inFlight -= numSequences;
      const each = generatedTokens / numSequences;
      if (each > 0) this.answerTokens += smoothing * (each - this.answerTokens);
    };
  }

  /** Until `waiting` sequences have found a slot: so many answers have to be finished first. */
  private waitMs(waiting: number): number {
    const perSecond = this.engine.stats().decodeTokensPerSecond || firstGuess.tokensPerSecond;
    return (waiting * this.answerTokens * 1000) / perSecond;
  }
}
