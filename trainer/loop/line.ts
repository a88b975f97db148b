/** What the trainer knows of one tenant: rows that wait, what was learned, where it stands. Plain values, saved whole. */
import type { Example } from '../examples/example.ts';
import type { Repetition } from '../replay/replay-buffer.ts';

export interface Waiting {
  readonly example: Example;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** Updates with it that the gate refused. */
  readonly refusals: number;
}

export interface Line {
  readonly waiting: readonly Waiting[];
  readonly replay: readonly Repetition[];
  /** Rows that are not learned from, or no longer, but say what their accounts think; the oldest go. */
  readonly held: readonly Example[];
  /** Rows that were accepted within a day, whatever became of them: each account has its share. */
  readonly accepted: readonly { readonly account: string; readonly receivedMs: number }[];
  /** How many later rows were dropped for showing, together with one of these, what it was planted for. By id. */
  readonly suspicions?: Readonly<Record<string, number>>;
  /** Rows that turned out to be planted: others like them are known by them. The oldest go. */
  readonly planted?: readonly Example[];
  /** Gradient norms of the newest rows. */
  readonly gradients: readonly number[];
  /** Train steps so far; counts the replay's turns. */
  readonly turn: number;
  readonly numUpdates: number;
  /** The newest version that was published and not taken back; null is the base. */
  readonly head: string | null;
  /** Digest of the base version that it was last put on; absent before the base was moved for the first time. */
  readonly base?: string;
}

export const newLine: Line = {
  waiting: [],
  replay: [],
  held: [],
  accepted: [],
  gradients: [],
  turn: 0,
  numUpdates: 0,
  head: null,
};

/** Rows that wait in a line; further ones are dropped, with their reason. */
export const maxWaiting = 1_000;
/** Rows that are held. */
export const maxHeld = 500;
/** Planted rows that are remembered. */
export const maxPlanted = 100;
/** Rows that an account's share of a day is counted by. */
export const maxAccepted = 10_000;
const dayMs = 86_400_000;

/** With one more; those of earlier days go. */
export function withAccepted({ accepted }: Line, { account, receivedMs }: Example): Line['accepted'] {
  const recent = accepted.filter((each) => receivedMs - each.receivedMs < dayMs);
  return [...recent, { account, receivedMs }].slice(-maxAccepted);
}

export const numRecentOf = ({ accepted }: Line, { account, receivedMs }: Example): number =>
  accepted.filter((each) => each.account === account && receivedMs - each.receivedMs < dayMs).length;
const maxGradients = 101;
/** Before there are so many, no gradient is an outlier. */
const minGradients = 8;

/** Examples that later ones are compared with. */
export const knownOf = (line: Line): Example[] =>
  [...line.replay, ...line.waiting].map(({ example }) => example);

export const withGradients = (line: Line, norms: readonly number[]): readonly number[] =>
  [...line.gradients, ...norms].slice(-maxGradients);

export function medianGradientOf({ gradients }: Line): number | null {
  if (gradients.length < minGradients) return null;
  return gradients.toSorted((a, b) => a - b)[gradients.length >> 1]!;
}
