/** What is observed of a version while it serves. */
import { invariant } from '../../../core/invariant.ts';

interface OfUnit {
  /** Of the conversation, see assign.ts: what units do is independent, what one unit does again and again is not. */
  readonly unit: number;
}

/** An answer that reached its end. */
export interface Answer extends OfUnit {
  readonly kind: 'answer';
  /** Time to the first token; null where there was none. */
  readonly ttftMs: number | null;
  /** Mean time per later token; null of an answer of one token. */
  readonly tpotMs: number | null;
  /** Requests that the engine ran or had waiting when this one began, itself among them; ≥ 1. */
  readonly load: number;
}

/**
 * The engine failed while it worked on a request. Not a failure of the version, and not to be recorded: what a client
 * cancelled, what was refused before it began, and what ended with a process that served several versions.
 */
export interface Failure extends OfUnit {
  readonly kind: 'failure';
}

interface OfUser extends OfUnit {
  /** Mean quality, in [-1, 1], of what the same user rated before the experiment began; null when there is nothing. */
  readonly earlier: number | null;
}

export interface Rating extends OfUser {
  readonly kind: 'rating';
  /** In [-1, 1]. */
  readonly value: number;
}

/** Somebody wrote what should have been said. Counts as the worst rating, and once more among the corrected units. */
export interface Correction extends OfUser {
  readonly kind: 'correction';
}

export type Judgement = Rating | Correction;
export type Outcome = Answer | Failure | Judgement;

/** In [-1, 1]. */
export function qualityOf(judgement: Judgement): number {
  const value = judgement.kind === 'correction' ? -1 : judgement.value;
  invariant(value >= -1 && value <= 1, 'a rating lies in [-1, 1]');
  return value;
}
