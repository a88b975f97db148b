/** What the gateway and its keeper thread say to each other. */

import type { ErrorCode, ErrorDetails } from '../../core/errors.ts';
import type { LogLimits } from '../../core/feedback/log-writer.ts';
import type {
  Fate,
  FeedbackRecord,
  LogRecord,
  MemoryRecord,
  UndoRecord,
} from '../../core/feedback/record.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import type { FeedbackRequest } from './feedback-request.ts';
import type { ResponseLimits } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

export interface KeeperOptions {
  readonly folders: Pick<LearningLayout, 'feedback' | 'fates' | 'responses'>;
  /** Null stores no responses. */
  readonly responses: ResponseLimits | null;
  readonly log: LogLimits;
  /** Rows that are found by id and by idempotency key. */
  readonly maxIndexed: number;
  /** Id of this replica; none where there are no others. */
  readonly origin?: string;
}

/** A row as its giver may see it. */
export interface FeedbackView {
  readonly record: FeedbackRecord;
  /** Null while nothing was decided. */
  readonly fate: Fate | null;
}

/** Each call, what it takes and what it gives. */
export interface KeeperCalls {
  /** Keeps a response; its texts come as they are and are redacted first. Gives what it kept where there are other replicas. */
  put: { ask: StoredResponse; answer: StoredResponse | null };
  /** Throws response_not_found, idempotency_conflict, queue_full. The record is durable. */
  feedback: { ask: FeedbackRequest; answer: FeedbackRecord };
  view: { ask: { readonly id: string; readonly tenant: string }; answer: FeedbackView | null };
  /** The rows that an undo means. */
  rows: { ask: Pick<UndoRecord, 'tenant' | 'what'>; answer: readonly string[] };
  undo: { ask: Pick<UndoRecord, 'tenant' | 'what' | 'rows'>; answer: UndoRecord };
  /** Tells other replicas of a change of memory. The record is durable. */
  amend: { ask: Pick<MemoryRecord, 'tenant' | 'change'>; answer: MemoryRecord };
  /** Takes records of other replicas. All are durable; the ids are those of the ones that were not there yet. */
  receive: { ask: readonly LogRecord[]; answer: readonly string[] };
  close: { ask: null; answer: null };
}

export type KeeperCall = keyof KeeperCalls;

export interface Ask<Name extends KeeperCall = KeeperCall> {
  readonly call: number;
  readonly name: Name;
  readonly ask: KeeperCalls[Name]['ask'];
}

export type Answer =
  | { readonly call: number; readonly answer: unknown }
  | {
      readonly call: number;
      readonly failure: {
        readonly code: ErrorCode;
        readonly details: ErrorDetails;
        readonly param: string | null;
      };
    };
