/** A row of feedback as training sees it: texts, not yet tokens. */
import type { Context, FeedbackRecord } from '../../core/feedback/record.ts';

interface Source {
  /** The row's id. */
  readonly id: string;
  readonly tenant: string;
  readonly account: string;
  readonly model: string;
  /** Milliseconds since 1970. */
  readonly receivedMs: number;
  readonly context: Context;
}

export type Example = Source &
  (
    | { readonly kind: 'answer'; readonly answer: string }
    | { readonly kind: 'pair'; readonly chosen: string; readonly rejected: string }
    | { readonly kind: 'thumb'; readonly answer: string; readonly isGood: boolean }
  );

/** What a row teaches, or why it teaches nothing. */
export function exampleOf(record: FeedbackRecord): Example | { readonly nothing: string } {
  const { id, tenant, account, model, context, answer, signal } = record;
  const source = { id, tenant, account, model, context, receivedMs: Date.parse(record.receivedAt) };
  switch (signal.kind) {
    case 'correction':
      return { ...source, kind: 'answer', answer: signal.text };
    case 'demonstration':
      return { ...source, kind: 'answer', answer };
    case 'preference':
      if (signal.chosen === signal.rejected)
        return { nothing: 'both answers of the preference are the same' };
      return { ...source, kind: 'pair', chosen: signal.chosen, rejected: signal.rejected };
    case 'rating':
      if (signal.value === 0) return { nothing: 'a rating in the middle says neither yes nor no' };
      return { ...source, kind: 'thumb', answer, isGood: signal.value > 0 };
    case 'comment':
      return { nothing: 'comments are kept for people, not learned from' };
  }
}

/** All that was said before the answer, message by message. */
export function spokenBefore({ context }: Pick<Example, 'context'>): readonly string[] {
  return context.kind === 'text' ? [context.prompt] : context.messages.map(({ content }) => content);
}

/** Everything that the example wants said or not said. */
export function answersOf(example: Example): readonly string[] {
  return example.kind === 'pair' ? [example.chosen, example.rejected] : [example.answer];
}

/** What the example asks, for comparisons: the last thing said before the answer. */
export function questionOf({ context }: Pick<Example, 'context'>): string {
  return context.kind === 'text' ? context.prompt : (context.messages.at(-1)?.content ?? '');
}

/** What the example wants said; of a bad thumb what it does not. */
export function answerOf(example: Example): string {
  return example.kind === 'pair' ? example.chosen : example.answer;
}
