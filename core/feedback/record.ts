/**
 * What the feedback log holds, one record a line: everything that learning from it needs, attributed and already
 * redacted. Server and trainer meet in this shape.
 */
import type { ChatMessage } from '../tokenizer/tokenizer.ts';

/** Who said it, about what. */
export interface Attribution {
  readonly tenant: string;
  /** The API key's name: influence is bounded per account. */
  readonly account: string;
  readonly model: string;
  /** Of the answer that the feedback is about; null for a demonstration. */
  readonly version: string | null;
  /** The arm of an experiment that made the answer, "stable" or "canary"; null outside of any. */
  readonly arm: string | null;
  readonly responseId: string | null;
  /** Digest of who asked, or else of how the conversation began: what an experiment splits by. Null for a demonstration. */
  readonly conversation: string | null;
  /** When the answer was made, ISO 8601; null for a demonstration. */
  readonly answeredAt: string | null;
}

export type Signal =
  /** What should have been said instead. */
  | { readonly kind: 'correction'; readonly text: string }
  /** In [-1, 1], from the worst to the best of the scale that it was given on. */
  | { readonly kind: 'rating'; readonly value: number }
  | { readonly kind: 'preference'; readonly chosen: string; readonly rejected: string }
  | { readonly kind: 'comment'; readonly text: string }
  /** A conversation as it should be; the last message is the assistant's. */
  | { readonly kind: 'demonstration' };

/** What an answer was an answer to. */
export type Context =
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] }
  | { readonly kind: 'text'; readonly prompt: string };

/** What every record of the log has. */
interface Recorded {
  /** Equal ids are one record, wherever they lie. */
  readonly id: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** The replica that took it; none where there are no others, or where it was taken before there were. */
  readonly origin?: string;
  readonly tenant: string;
}

export interface FeedbackRecord extends Attribution, Recorded {
  readonly type: 'feedback';
  readonly tenant: string;
  /** What led to the answer; of a demonstration all of it but its last message. */
  readonly context: Context;
  /** What was answered; of a demonstration its last message. */
  readonly answer: string;
  readonly signal: Signal;
  /** Kinds of personal data and secrets that were taken out, with their number. */
  readonly redactions: Readonly<Record<string, number>>;
  /** Digests of the idempotency key and of the body that came with it. */
  readonly idempotency: { readonly key: string; readonly digest: string } | null;
}

/** Asks that the influence of rows be removed, and what was learned since be built again without them. */
export interface UndoRecord extends Recorded {
  readonly type: 'undo';
  readonly what:
    | { readonly kind: 'row'; readonly row: string }
    | { readonly kind: 'account'; readonly account: string };
  /** All rows that are meant. */
  readonly rows: readonly string[];
}

/** One thing that was corrected: a question, and what is to be said. */
export interface Remembered {
  readonly id: string;
  readonly tenant: string;
  /** The API key's name. */
  readonly account: string;
  readonly model: string;
  readonly question: string;
  /** What had been asked before, where the question leans on it; null where it stands by itself. */
  readonly context: string | null;
  readonly answer: string;
  /** The feedback that it came from; null where an operator wrote it. */
  readonly source: string | null;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** From then on it counts no more. */
  readonly expiresMs: number;
}

/** A change of what is remembered that was asked for by itself. Where there are no other replicas, none are written. */
export interface MemoryRecord extends Recorded {
  readonly type: 'memory';
  readonly change: MemoryChange;
}

export type MemoryChange =
  | { readonly kind: 'put'; readonly entry: Remembered }
  /** Of an entry that is there. */
  | { readonly kind: 'edit'; readonly entry: Remembered }
  | { readonly kind: 'forget'; readonly entry: string };

export type LogRecord = FeedbackRecord | UndoRecord | MemoryRecord;

/** What became of a record, written by whoever decided it. */
export interface Fate {
  readonly id: string;
  readonly at: string;
  readonly state:
    | { readonly kind: 'queued' }
    /** Is not learned from, and why. */
    | { readonly kind: 'dropped'; readonly reason: string }
    /** Part of a version. */
    | { readonly kind: 'trained'; readonly version: string };
}
