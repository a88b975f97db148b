/** What became of a request. Milliseconds on the load generator's monotonic clock. */
import type { FailureKind } from './failure.ts';

export interface Answered {
  readonly ok: boolean;
  readonly error: string | null;
  readonly startMs: number;
  readonly endMs: number;
  /** Arrival of each piece of text. */
  readonly tokenMs: readonly number[];
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface Outcome extends Answered {
  /** When the request should have been sent; latencies count from here, so that a late generator hides nothing. */
  readonly intendedMs: number;
  /** Null where it did not fail. */
  readonly failure: FailureKind | null;
  /** Null where no head came. */
  readonly status: number | null;
  /** When the server said to come back, from the end on; null where it did not. */
  readonly retryAfterMs: number | null;
  /** Every version that the stream's chunks named, each once. */
  readonly fingerprints: readonly string[];
}

/** Time to first token; of an answer without text, to its end. */
export const ttftOf = ({ tokenMs, intendedMs, endMs }: Outcome): number => (tokenMs[0] ?? endMs) - intendedMs;

/** Mean time per later token. */
export const tpotOf = ({ tokenMs }: Pick<Answered, 'tokenMs'>): number =>
  tokenMs.length < 2 ? 0 : (tokenMs.at(-1)! - tokenMs[0]!) / (tokenMs.length - 1);

/** Times between tokens of one stream. */
export const gapsOf = ({ tokenMs }: Pick<Answered, 'tokenMs'>): number[] =>
  tokenMs.slice(1).map((at, index) => at - tokenMs[index]!);

export const latencyOf = ({ intendedMs, endMs }: Outcome): number => endMs - intendedMs;

/** How late the generator itself was. */
export const latenessOf = ({ intendedMs, startMs }: Outcome): number => Math.max(0, startMs - intendedMs);
