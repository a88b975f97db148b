/** What a memory entry is made of: which feedback states a question and its answer, and what is not remembered. */
import { MillraceError } from '../../core/errors.ts';
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import { placeholderPattern } from '../../core/privacy/placeholder.ts';
import { redact } from '../../core/privacy/redact.ts';
import type { MemoryEntry } from './entry.ts';
import { keyOf, maxCharacters } from './key.ts';

export type Said = Omit<MemoryEntry, 'id' | 'createdMs' | 'expiresMs'>;
type Lesson = Pick<MemoryEntry, 'question' | 'context' | 'answer'>;

/** The question and the right answer that a row of feedback states; null if it does not, or not what can be remembered. */
export function lessonOf({ context, signal, answer }: FeedbackRecord): Lesson | null {
  if (context.kind !== 'chat') return null;
  const key = keyOf(context.messages);
  const said = rightAnswer(signal, answer);
  if (key === null || said === null) return null;
  const lesson = { ...key, answer: said };
  return unfit(lesson) === null ? lesson : null;
}

function rightAnswer(signal: FeedbackRecord['signal'], answer: string): string | null {
  if (signal.kind === 'correction') return signal.text;
  if (signal.kind === 'preference') return signal.chosen;
  return signal.kind === 'demonstration' ? answer : null;
}

/** What is said, without personal data and secrets. Throws invalid_argument for what is not remembered. */
export function acceptable(said: Said): Said {
  refuseUnfit(said);
  const clean = { ...said, question: redact(said.question).text, answer: redact(said.answer).text };
  refuseUnfit(clean);
  return clean;
}

function refuseUnfit(lesson: Lesson): void {
  const problem = unfit(lesson);
  if (problem === null) return;
  throw new MillraceError('invalid_argument', { message: problem.message }, { param: problem.param });
}

const placeholder = new RegExp(placeholderPattern);

function unfit(lesson: Lesson): { readonly message: string; readonly param: keyof Lesson } | null {
  for (const param of ['question', 'answer'] as const) {
    const { length } = lesson[param];
    if (lesson[param].trim() === '') return { message: `the ${param} is empty.`, param };
    if (length <= maxCharacters) continue;
    return {
      message: `the ${param} has ${length} characters, at most ${maxCharacters} are remembered.`,
      param,
    };
  }
  // Whom it was about is gone from it: it would answer the same question about anybody.
  if (placeholder.test(`${lesson.context}\n${lesson.question}`))
    return { message: 'the question holds personal data or a secret.', param: 'question' };
  return null;
}
