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

export type SignalKind = Signal['kind'];

/** What an answer was an answer to. */
export type Context =
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] }
  | { readonly kind: 'text'; readonly prompt: string };

export interface FeedbackRecord extends Attribution {
  readonly type: 'feedback';
  readonly id: string;
  /** ISO 8601. */
  readonly receivedAt: string;
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
export interface UndoRecord {
  readonly type: 'undo';
  readonly id: string;
  readonly receivedAt: string;
  readonly tenant: string;
  readonly what:
    | { readonly kind: 'row'; readonly row: string }
    | { readonly kind: 'account'; readonly account: string };
  /** All rows that are meant. */
  readonly rows: readonly string[];
}

export type LogRecord = FeedbackRecord | UndoRecord;

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
