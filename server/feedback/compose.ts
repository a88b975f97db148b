/** From a request and the response that it is about to a record of the log. Pure: ids and time come in. */
import type { Context, FeedbackRecord, Signal } from '../../core/feedback/record.ts';
import { redact } from '../../core/privacy/redact.ts';
import type { FeedbackRequest, Remark } from './feedback-request.ts';
import type { StoredResponse } from './stored-response.ts';

export interface Stamp {
  readonly id: string;
  readonly receivedAt: string;
  readonly origin?: string;
}

/** `response` is there for feedback on one. Its texts are redacted already, since it was stored. */
export function composeRecord(
  request: FeedbackRequest,
  response: StoredResponse | null,
  stamp: Stamp,
): FeedbackRecord {
  const { tenant, account, subject, idempotency } = request;
  const counts = new Map<string, number>();
  const clean = (text: string): string => {
    const { text: redacted, found } = redact(text);
    for (const { kind, count } of found) counts.set(kind, (counts.get(kind) ?? 0) + count);
    return redacted;
  };
  const common = { type: 'feedback' as const, ...stamp, tenant, account, idempotency };
  const about =
    subject.kind === 'demonstration'
      ? {
          model: subject.model,
          version: null,
          arm: null,
          responseId: null,
          conversation: null,
          answeredAt: null,
          context: mapContext(subject.context, clean),
          answer: clean(subject.answer),
          signal: { kind: 'demonstration' as const },
        }
      : {
          model: response!.model,
          version: response!.version,
          arm: response!.arm,
          responseId: subject.responseId,
          // Responses that were stored before there was one have none.
          conversation: response!.conversation ?? null,
          answeredAt: new Date(response!.createdMs).toISOString(),
          context: response!.context,
          answer: response!.answers[subject.choice]!,
          signal: signalOf(subject.remark, response!.answers[subject.choice]!, clean),
        };
  return { ...common, ...about, redactions: Object.fromEntries(counts) };
}

function signalOf(remark: Remark, answer: string, clean: (text: string) => string): Signal {
  if (remark.kind === 'rating') return remark;
  if (remark.kind === 'preference') {
    const rejected = remark.rejected === null ? answer : clean(remark.rejected);
    return { kind: 'preference', chosen: clean(remark.chosen), rejected };
  }
  return { kind: remark.kind, text: clean(remark.text) };
}

/** The context with every text of it changed. */
export function mapContext(context: Context, change: (text: string) => string): Context {
  if (context.kind === 'text') return { kind: 'text', prompt: change(context.prompt) };
  const messages = context.messages.map((message) => ({ ...message, content: change(message.content) }));
  return { kind: 'chat', messages };
}
