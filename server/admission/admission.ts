/**
 * Whether a request may come in: counts what it has let in, estimates when the next one would be at its first token, and
 * refuses at once, with a time to come back, what would wait in vain. Tenants have equal shares of the way there, as in
 * the engine: a flood of one makes its own requests wait, and hardly those of others.
 */
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import type { InferenceEngine } from '../batching/engine.ts';
import { Promises } from './promises.ts';
import { Turnover } from './turnover.ts';

export interface AdmissionLimits {
  /** Sequences that may wait for a slot. Where others' fill all of it, a tenant may still have its share, up to twice as many in all. */
  readonly maxWaiting: number;
  /** Predicted wait for what others have asked for before. */
  readonly maxWaitMs: number;
}

export interface Newcomer {
  readonly tenant: string;
  readonly numSequences: number;
  /** Of all of them. */
  readonly promptTokens: number;
}

/** A request that was let in. */
export interface Admitted {
  /** Its first token is there. Later calls change nothing. */
  started(): void;
  /** To be called once, with the tokens generated. */
  ended(generatedTokens: number): void;
}

/** Weight of the newest request in the mean length of answers. */
const smoothing = 0.1;
/** Until something was measured: tokens per answer, and tokens per second over all sequences. */
const firstGuess = { answerTokens: 64, tokensPerSecond: 100 };
const leastRetryMs = 100;
/** Times to come back are true also when the server becomes so much slower meanwhile. */
const margin = 1.3;
/** The same, of one among many that come one after the other: some of what is wrong with each evens out. */
const turnMargin = 1.2;
/** However many tenants there are: the engine's queue has this many times `maxWaiting` places. */
export const mostOverfull = 2;

/** What a tenant has on the way to its first tokens. */
interface Backlog {
  sequences: number;
  promptTokens: number;
}

export class Admission {
  private readonly limits: AdmissionLimits;
  private readonly engine: InferenceEngine;
  private readonly clock: Clock;
  private readonly promises: Promises;
  private readonly turnover = new Turnover();
  /** Only of tenants that have some. */
  private readonly backlogs = new Map<string, Backlog>();
  private inFlight = 0;
  private numStarted = 0;
  private answerTokens = firstGuess.answerTokens;

  constructor(engine: InferenceEngine, limits: AdmissionLimits, clock: Clock) {
    this.engine = engine;
    this.limits = limits;
    this.clock = clock;
    this.promises = new Promises(clock);
  }

  get numInFlight(): number {
    return this.inFlight;
  }

  /** Throws engine_unavailable, queue_full or deadline_unmeetable. */
  admit(newcomer: Newcomer): Admitted {
    this.check(newcomer);
    const { tenant, numSequences, promptTokens } = newcomer;
    this.inFlight += numSequences;
    this.observe(0);
    if (this.inFlight <= this.engine.stats().numSlots / 2) this.promises.forget(tenant);
    const backlog = this.backlogs.get(tenant) ?? { sequences: 0, promptTokens: 0 };
    this.backlogs.set(tenant, backlog);
    backlog.sequences += numSequences;
    backlog.promptTokens += promptTokens;
    let hasStarted = false;
    const leaveBacklog = (): void => {
      backlog.sequences -= numSequences;
      backlog.promptTokens -= promptTokens;
      if (backlog.sequences === 0) this.backlogs.delete(tenant);
    };
    return {
      started: () => {
        if (hasStarted) return;
        hasStarted = true;
        this.numStarted += numSequences;
        leaveBacklog();
      },
      ended: (generatedTokens) => {
        this.inFlight -= numSequences;
        this.observe(numSequences);
        if (hasStarted) this.numStarted -= numSequences;
        else leaveBacklog();
        hasStarted = true;
        const each = generatedTokens / numSequences;
        if (each > 0) this.answerTokens += smoothing * (each - this.answerTokens);
      },
    };
  }

  /**
   * Throws as `admit` would, and lets nothing in: for the time before a prompt's length is known, so that a refusal costs
   * neither the client nor the server the work up to there.
   */
  check(newcomer: Newcomer): void {
    if (this.engine.state() !== 'ready') {
      const details = { reason: `it is ${this.engine.state()}`, retryAfterMs: 1000 };
      throw new MillraceError('engine_unavailable', details);
    }
    const { maxWaiting, maxWaitMs } = this.limits;
    const waiting = this.numWaiting(this.inFlight + newcomer.numSequences);
    const isOverShare = this.ownOf(newcomer) > this.shareOf(newcomer);
    if (waiting > mostOverfull * maxWaiting || (waiting > maxWaiting && isOverShare)) {
      const retryAfterMs = this.retryAfterMs(newcomer, this.slotWaitMs(waiting - maxWaiting));
      throw new MillraceError('queue_full', { waiting, retryAfterMs });
    }
    const waitMs = this.waitMs(newcomer);
    if (waitMs > maxWaitMs) {
      const retryAfterMs = this.retryAfterMs(newcomer, waitMs - maxWaitMs);
      throw new MillraceError('deadline_unmeetable', { maxWaitMs, retryAfterMs });
    }
  }

  /** After that time it is let in, and so is everybody else who was told a time, each at its own. */
  private retryAfterMs(newcomer: Newcomer, excessMs: number): number {
    const numSharing = this.backlogs.size + (this.backlogs.has(newcomer.tenant) ? 0 : 1);
    const { numSequences, promptTokens } = newcomer;
    const eachMs = Math.max(this.slotWaitMs(numSequences), this.prefillMs(promptTokens));
    const workMs = turnMargin * eachMs * numSharing;
    const waitMs = Math.max(leastRetryMs, margin * excessMs + workMs);
    return Math.ceil(this.promises.give(newcomer.tenant, waitMs, workMs));
  }

  private ownOf({ tenant, numSequences }: Newcomer): number {
    return (this.backlogs.get(tenant)?.sequences ?? 0) + numSequences;
  }

  /** Of the places in the queue. */
  private shareOf({ tenant }: Newcomer): number {
    const numTenants = this.backlogs.size + (this.backlogs.has(tenant) ? 0 : 1);
    return this.limits.maxWaiting / numTenants;
  }

  /**
   * Until all that goes before it has its first tokens. Of each other tenant that is no more than its own has on the way,
   * itself included: the engine gives equal shares.
   */
  private waitMs(newcomer: Newcomer): number {
    const { tenant, numSequences, promptTokens } = newcomer;
    const own = this.backlogs.get(tenant) ?? { sequences: 0, promptTokens: 0 };
    let [sequences, tokens] = [own.sequences + numSequences, own.promptTokens];
    for (const [other, backlog] of this.backlogs) {
      if (other === tenant) continue;
      sequences += Math.min(backlog.sequences, own.sequences + numSequences);
      tokens += Math.min(backlog.promptTokens, own.promptTokens + promptTokens);
    }
    return Math.max(this.slotWaitMs(this.numWaiting(this.numStarted + sequences)), this.prefillMs(tokens));
  }

  /** Of so many sequences, those that find no slot. */
  private numWaiting(numSequences: number): number {
    // Before the host has told of slots, the queue's bound still holds.
    return Math.max(0, numSequences - Math.max(1, this.engine.stats().numSlots));
  }

  private observe(numEnded: number): void {
    // Also where nobody waits inside, since those that were refused do: a time that is too long would keep all out, and
    // never be measured again.
    const isWaitedFor = this.numWaiting(this.inFlight + 1) > 0;
    this.turnover.observe(this.clock.nowMs(), { isWaitedFor, numEnded });
  }

  /**
   * Until `waiting` sequences have found a slot: so many have to end first. What the engine's speed promises, and what
   * was seen of late, of which the longer counts: a time that is too short would be a lie.
   */
  private slotWaitMs(waiting: number): number {
    const perSecond = this.engine.stats().decodeTokensPerSecond || firstGuess.tokensPerSecond;
    return waiting * Math.max(this.turnover.perSequenceMs, (this.answerTokens * 1000) / perSecond);
  }

  /** Nothing until it was measured once. */
  private prefillMs(tokens: number): number {
    const perSecond = this.engine.stats().prefillTokensPerSecond;
    return perSecond === 0 ? 0 : (tokens * 1000) / perSecond;
  }
}
