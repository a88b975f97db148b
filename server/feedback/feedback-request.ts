/** Feedback as a client gives it, checked in shape, before it is known whether its response exists. */
import type { Context } from '../../core/feedback/record.ts';
import type { StoredResponse } from './stored-response.ts';

/** What is said about a stored response. */
export type Remark =
  | { readonly kind: 'correction'; readonly text: string }
  | { readonly kind: 'rating'; readonly value: number }
  | { readonly kind: 'preference'; readonly chosen: string; readonly rejected: string | null }
  | { readonly kind: 'comment'; readonly text: string };

export type FeedbackSubject =
  | {
      readonly kind: 'response';
      readonly responseId: string;
      readonly choice: number;
      readonly remark: Remark;
    }
  /** The answer is the last message of the conversation, which the context lacks. */
  | {
      readonly kind: 'demonstration';
      readonly model: string;
      readonly context: Context;
      readonly answer: string;
    };

export interface FeedbackRequest {
  readonly tenant: string;
  readonly account: string;
  readonly subject: FeedbackSubject;
  /** The key as it came, and the digest of the body that came with it. */
  readonly idempotency: { readonly key: string; readonly digest: string } | null;
  /** What it is about, where another replica has stored it. */
  readonly response?: StoredResponse;
}
