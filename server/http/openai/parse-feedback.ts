/** A validated body of feedback becomes a request to the keeper; what does not belong together is refused by name. */
import type { ChatMessage } from '../../../core/tokenizer/tokenizer.ts';
import type { FeedbackSubject, Remark } from '../../feedback/feedback-request.ts';
import { fieldLimits } from '../limits.ts';
import { messagesOf, refuse } from './parse.ts';
import type { FeedbackBody } from './schemas.ts';

type Field = Exclude<keyof FeedbackBody, 'kind'>;

/** Fields that a kind must have, and may have. */
const fields: Readonly<Record<string, { readonly must: readonly Field[]; readonly may: readonly Field[] }>> =
  {
    correction: { must: ['response_id', 'text'], may: ['choice'] },
    rating: { must: ['response_id', 'value'], may: ['choice', 'scale'] },
    preference: { must: ['response_id', 'chosen'], may: ['choice', 'rejected'] },
    comment: { must: ['response_id', 'text'], may: ['choice'] },
    demonstration: { must: ['messages'], may: ['model'] },
  };

const texts = ['text', 'chosen', 'rejected'] as const;

/** `defaultModel` is what a demonstration without a model is for. Throws invalid_argument. */
export function parseFeedback(body: FeedbackBody, defaultModel: string): FeedbackSubject {
  const { must, may } = fields[body.kind]!;
  const missing = must.find((field) => body[field] === undefined);
  if (missing !== undefined) refuse(`feedback of kind "${body.kind}" needs "${missing}".`, missing);
  const given = (Object.keys(body) as (keyof FeedbackBody)[]).filter((field) => field !== 'kind');
  const known = new Set<string>([...must, ...may]);
  const strange = given.find((field) => !known.has(field));
  if (strange !== undefined)
    refuse(`feedback of kind "${body.kind}" has no "${strange.slice(0, 64)}".`, strange);
  const blank = texts.find((field) => body[field]?.trim() === '');
  if (blank !== undefined) refuse(`"${blank}" is blank.`, blank);
  if (body.kind === 'demonstration') return demonstrationOf(body, defaultModel);
  const responseId = body.response_id!;
  return { kind: 'response', responseId, choice: body.choice ?? 0, remark: remarkOf(body) };
}

function remarkOf(body: FeedbackBody): Remark {
  if (body.kind === 'rating') return { kind: 'rating', value: ratingOf(body.value!, body.scale) };
  if (body.kind === 'preference') {
    if (body.chosen === body.rejected) refuse('"chosen" and "rejected" are the same.', 'rejected');
    return { kind: 'preference', chosen: body.chosen!, rejected: body.rejected ?? null };
  }
  return { kind: body.kind as 'correction' | 'comment', text: body.text! };
}

/** A thumb, 1 or -1, as it is; 1 … scale is spread over [-1, 1]. */
function ratingOf(value: number, scale: number | undefined): number {
  if (scale === undefined) {
    if (value === 1 || value === -1) return value;
    refuse('a rating without "scale" is 1 or -1.', 'value');
  }
  if (value < 1 || value > scale) refuse(`a rating on a scale of ${scale} is 1 to ${scale}.`, 'value');
  return (2 * (value - 1)) / (scale - 1) - 1;
}

function demonstrationOf(body: FeedbackBody, defaultModel: string): FeedbackSubject {
  const messages: ChatMessage[] = messagesOf(body.messages!);
  const { feedbackCharacters: max } = fieldLimits;
  const long = messages.find(({ content }) => content.length > max);
  if (long !== undefined)
    refuse(`a message has ${long.content.length} characters, feedback at most ${max}.`, 'messages');
  const last = messages.at(-1)!;
  if (last.role !== 'assistant')
    refuse("the last message of a demonstration is the assistant's.", 'messages');
  if (last.content.trim() === '') refuse('the answer of a demonstration is empty.', 'messages');
  const context = { kind: 'chat' as const, messages: messages.slice(0, -1) };
  return { kind: 'demonstration', model: body.model ?? defaultModel, context, answer: last.content };
}
