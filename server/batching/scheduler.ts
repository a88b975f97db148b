/**
 * What the next step does: a pure function of the sequences, the limits, the step-time model and the clock.
 * Every decoding sequence takes part in each step; beside them runs a chunk of one prompt, as large as the
 * running sequences' inter-token time allows.
 */
import type { Sequence } from './sequence.ts';
import type { StepShape, StepTimeModel } from './step-time.ts';

export interface SchedulerLimits {
  /** Tokens of all slots together. */
  readonly cacheTokens: number;
  readonly maxChunkTokens: number;
  /** Prefill goes on at least at this pace. */
  readonly minChunkTokens: number;
  /** Limit of a chunk whose rows' logits are all wanted. */
  readonly maxLogitRows: number;
  /** A lone prompt may stretch the running sequences' steps by this factor. */
  readonly maxStretch: number;
  /** Waiting this long weighs as much as one level of priority. */
  readonly ageingMs: number;
}

export interface SchedulerInput {
  /** In slots. */
  readonly running: readonly Sequence[];
  readonly waiting: readonly Sequence[];
  readonly numFreeSlots: number;
  /** Tokens served to each tenant so far, weighted; see FairShare. */
  readonly served: (tenant: string) => number;
  readonly nowMs: number;
}

export interface Decision {
  /** Loses its slot, to be computed again later. */
  readonly preempt: Sequence | null;
  /** Whose prompt goes on, and by how many tokens; it may still have to be given a slot. */
  readonly prefill: { readonly sequence: Sequence; readonly numTokens: number } | null;
}

/** What each further waiting prompt adds to the stretch. */
const stretchPerWaiting = 0.5;

export function schedule(input: SchedulerInput, limits: SchedulerLimits, model: StepTimeModel): Decision {
  const decoding = input.running.filter((sequence) => sequence.isDecoding);
  const used = input.running.reduce((sum, sequence) => sum + sequence.tokens.length + 1, 0);
  if (used > limits.cacheTokens && input.running.length > 1) {
    return { preempt: leastUrgent(input.running), prefill: null };
  }
  const started = input.running.find((sequence) => !sequence.isDecoding);
  const candidate = started ?? mostUrgent(input, limits);
  if (candidate === null) return { preempt: null, prefill: null };
  if (candidate !== started && !fits(candidate, input.numFreeSlots, used, limits)) {
    return { preempt: victimFor(candidate, input.running), prefill: null };
  }
  const backlog = input.waiting.length - (candidate === started ? 0 : 1);
  const numTokens = chunkTokens(candidate, decoding, backlog, limits, model);
  return { preempt: null, prefill: { sequence: candidate, numTokens } };
}

function fits(candidate: Sequence, numFreeSlots: number, used: number, limits: SchedulerLimits): boolean {
  return numFreeSlots > 0 && (used === 0 || used + candidate.tokens.length + 1 <= limits.cacheTokens);
}

function chunkTokens(
  candidate: Sequence,
  decoding: readonly Sequence[],
  backlog: number,
  limits: SchedulerLimits,
  model: StepTimeModel,
): number {
  const pending = candidate.numPending;
  const most = candidate.promptLogprobs === null ? limits.maxChunkTokens : limits.maxLogitRows;
  if (decoding.length === 0) return Math.min(pending, most);
  const decodeShape = shapeOf(decoding, 0, 0);
  const decodeMs = model.predictMs(decodeShape);
  // The more prompts wait, the more the step may be stretched, up to the running sequences' target.
  const stretch = limits.maxStretch + backlog * stretchPerWaiting;
  const targetMs = Math.min(...decoding.map(({ spec }) => spec.tpotTargetMs));
  const budgetMs = Math.max(decodeMs * limits.maxStretch, Math.min(targetMs, decodeMs * stretch));
  const allowed = model.chunkWithin(budgetMs, decodeShape, candidate.numComputed);
  return Math.min(pending, most, Math.max(limits.minChunkTokens, allowed));
}

/**
 * Of the tokens that are pending, as many as are allowed, but none is left for a chunk of its own: the runtime adds up a
 * lone row in another order, and an answer would depend on how its prompt was cut.
 */
export function chunkLength(pending: number, allowed: number): number {
  if (pending <= allowed) return pending;
  return allowed > 2 && pending - allowed === 1 ? allowed - 1 : allowed;
}

export function shapeOf(decoding: readonly Sequence[], chunkTokens: number, chunkStart: number): StepShape {
  const decodeContext = decoding.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
  const cacheRows = decodeContext + (chunkTokens > 0 ? chunkStart + chunkTokens : 0);
  const chunkContext = chunkTokens * (chunkStart + chunkTokens / 2);
  return { decodeRows: decoding.length, chunkTokens, cacheRows, chunkContext };
}

/** Priority with ageing first; among equals the tenant that got least; then the earliest deadline. */
function mostUrgent(input: SchedulerInput, limits: SchedulerLimits): Sequence | null {
  const level = (sequence: Sequence): number =>
    Math.floor(sequence.spec.priority + (input.nowMs - sequence.arrivalMs) / limits.ageingMs);
  const deadline = (sequence: Sequence): number => sequence.arrivalMs + sequence.spec.ttftTargetMs;
  let best: Sequence | null = null;
  for (const sequence of input.waiting) {
    if (best === null) best = sequence;
    else {
      const byLevel = level(sequence) - level(best);
      const byShare = input.served(best.spec.tenant) - input.served(sequence.spec.tenant);
      const byDeadline = deadline(best) - deadline(sequence);
      if ((byLevel || byShare || byDeadline) > 0) best = sequence;
    }
  }
  return best;
}

/** A running sequence of strictly lower priority; ageing does not preempt. */
function victimFor(candidate: Sequence, running: readonly Sequence[]): Sequence | null {
  const lowest = leastUrgent(running);
  return lowest !== null && lowest.spec.priority < candidate.spec.priority ? lowest : null;
}

/** Lowest priority, and of those the one that came last: it loses the least work. */
function leastUrgent(running: readonly Sequence[]): Sequence | null {
  let least: Sequence | null = null;
  for (const sequence of running) {
    const byPriority = least === null ? -1 : sequence.spec.priority - least.spec.priority;
    if (byPriority < 0 || (byPriority === 0 && sequence.arrivalMs >= least!.arrivalMs)) least = sequence;
  }
  return least;
}
