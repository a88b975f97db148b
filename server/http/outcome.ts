/** How a completion ended, as whoever compares versions wants to know it. */
import { type CompletionRequest, type CompletionResult, EngineFailure } from '../completion/completion.ts';

export type Outcome =
  | {
      readonly kind: 'answer';
      /** Null where the cache had a larger part in it than the version. */
      readonly ttftMs: number | null;
      /** Per later token; null of one token, and where several sequences ran beside each other. */
      readonly tpotMs: number | null;
      readonly durationMs: number;
      /** Requests that the engine had when this one began, itself among them. */
      readonly load: number;
      /** Texts of all choices. */
      readonly answers: readonly string[];
    }
  /** The engine failed while it worked on the request. */
  | { readonly kind: 'failure' };

export type OnOutcome = (outcome: Outcome) => void;

export interface Observed {
  readonly completion: CompletionRequest;
  readonly nowMs: () => number;
  /** Of what was generated so far. */
  readonly answers: () => readonly string[];
  /** Null costs nothing. Is not told what the client ended, nor what was refused. */
  readonly onOutcome: OnOutcome | null;
}

/** Tokens of a prompt that were computed. With more, the time says whether a prompt was cached, which new versions' are not. */
const maxComputedTokens = 64;

/** Settles as `run` does, after `onOutcome` has heard of it. */
export async function observed(
  run: () => Promise<CompletionResult>,
  { completion, nowMs, answers, onOutcome }: Observed,
): Promise<CompletionResult> {
  if (onOutcome === null) return run();
  const { engine } = completion.model;
  const { numRunning, numWaiting } = engine.stats();
  const startMs = nowMs();
  try {
    const result = await run();
    const load = numRunning + numWaiting + 1;
    const timings = timingsOf(completion, result, nowMs() - startMs);
    onOutcome({ kind: 'answer', ...timings, load, answers: answers() });
    return result;
  } catch (error) {
    if (isOfVersion(error, engine)) onOutcome({ kind: 'failure' });
    throw error;
  }
}

function timingsOf(
  { prompts, numChoices }: CompletionRequest,
  { usage, ttftMs }: CompletionResult,
  durationMs: number,
) {
  const isOne = prompts.length * numChoices === 1;
  const later = usage.completionTokens - 1;
  const isWarm = usage.promptTokens - usage.cachedTokens <= maxComputedTokens;
  return {
    ttftMs: isWarm ? ttftMs : null,
    tpotMs: isOne && later > 0 && ttftMs !== null ? (durationMs - ttftMs) / later : null,
    durationMs,
  };
}

/** A host that has died, or was never asked, ends requests of all versions; so does an adapter that others crowded out. */
function isOfVersion(error: unknown, engine: CompletionRequest['model']['engine']): boolean {
  return error instanceof EngineFailure && engine.state() === 'ready' && !/is not loaded/.test(error.message);
}
