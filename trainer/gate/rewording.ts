/** Other words for a question that must not change its answer, cheap enough to be made for each. */
import type { Context } from '../../core/feedback/record.ts';

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const rewordings: readonly ((question: string) => string)[] = [
  (question) => `Please tell me: ${question}`,
  (question) => question.toLowerCase(),
  (question) => `Hi! I have a question. ${capitalized(question)}`,
  (question) => `${question.replace(/[\s?.!]+$/, '')}, please?`,
];

/** The context with its last question in other words; which ones depends on `turn`. */
export function reworded(context: Context, turn: number): Context {
  if (context.kind === 'text') return { kind: 'text', prompt: inOtherWords(context.prompt, turn) };
  const last = context.messages.length - 1;
  const messages = context.messages.map((message, index) =>
    index === last ? { ...message, content: inOtherWords(message.content, turn) } : message,
  );
  return { kind: 'chat', messages };
}

/** A rewording that changes nothing gives way to the next one. */
function inOtherWords(question: string, turn: number): string {
  const choices = rewordings.map((_, index) => rewordings[(turn + index) % rewordings.length]!(question));
  return choices.find((choice) => choice !== question) ?? question;
}
