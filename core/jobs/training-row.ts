/**
 * A line of a file to train on, in OpenAI's two formats: a conversation whose answers are learned, or one question with
 * a better and a worse answer. What a line has beyond that is refused by name, never ignored.
 */
import type { ChatMessage } from '../tokenizer/tokenizer.ts';

export type TrainingRow =
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      /** Indices of the assistant's messages that are learned: those without weight 0. */
      readonly answers: readonly number[];
    }
  | {
      readonly kind: 'preference';
      readonly messages: readonly ChatMessage[];
      readonly preferred: string;
      readonly other: string;
    };

export type RowKind = TrainingRow['kind'];

export const maxRowMessages = 1_024;

type Fields = Readonly<Record<string, unknown>>;

class RowProblem extends Error {}

/** The row, or what is wrong with it, beginning with the place. */
export function parseTrainingRow(json: unknown): TrainingRow | { readonly problem: string } {
  try {
    return rowOf(fieldsOf(json, 'the line'));
  } catch (error) {
    if (error instanceof RowProblem) return { problem: error.message };
    throw error;
  }
}

function rowOf(fields: Fields): TrainingRow {
  if ('messages' in fields) return chatOf(fields);
  if ('input' in fields) return preferenceOf(fields);
  return refuse('the line has neither "messages" nor "input"');
}

function chatOf(fields: Fields): TrainingRow {
  refuseOthers(fields, ['messages', 'tools', 'parallel_tool_calls'], 'the line');
  refuseTools(fields);
  const raw = listOf(fields.messages, 'messages');
  const messages = raw.map((each, index) => messageOf(each, `messages[${index}]`));
  if (messages.at(-1)!.role !== 'assistant') refuse("the last of messages is not the assistant's");
  const answers = messages.flatMap(({ role }, index) =>
    role === 'assistant' && weightOf(raw[index], `messages[${index}]`) === 1 ? [index] : [],
  );
  if (answers.length === 0)
    refuse('every answer in messages has weight 0, so that there is nothing to learn');
  if (answers[0] === 0)
    refuse('messages[0] is an answer to nothing; give it weight 0 or put a question first');
  return { kind: 'chat', messages, answers };
}

function preferenceOf(fields: Fields): TrainingRow {
  refuseOthers(fields, ['input', 'preferred_output', 'non_preferred_output'], 'the line');
  const input = fieldsOf(fields.input, 'input');
  refuseOthers(input, ['messages', 'tools', 'parallel_tool_calls'], 'input');
  refuseTools(input);
  const messages = listOf(input.messages, 'input.messages').map((each, index) =>
    messageOf(each, `input.messages[${index}]`),
  );
  const preferred = answerOf(fields.preferred_output, 'preferred_output');
  const other = answerOf(fields.non_preferred_output, 'non_preferred_output');
  if (preferred === other) refuse('preferred_output and non_preferred_output are the same');
  return { kind: 'preference', messages, preferred, other };
}

function answerOf(value: unknown, place: string): string {
  const [first, ...more] = listOf(value, place);
  if (more.length > 0)
    refuse(`${place} has ${more.length + 1} messages; one answer is compared with one other`);
  const { role, content } = messageOf(first, `${place}[0]`);
  return role === 'assistant'
    ? content
    : refuse(`${place}[0].role is "${role}"; an answer is the assistant's`);
}

const roles: Readonly<Record<string, ChatMessage['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};

function messageOf(value: unknown, place: string): ChatMessage {
  const fields = fieldsOf(value, place);
  refuseOthers(fields, ['role', 'content', 'weight'], place);
  const { role, content } = fields;
  if (typeof role !== 'string' || !Object.hasOwn(roles, role)) {
    refuse(`${place}.role is ${shown(role)}; it is one of ${Object.keys(roles).join(', ')}`);
  }
  const text = textOf(content, `${place}.content`);
  if (text.trim() === '') refuse(`${place}.content is empty`);
  return { role: roles[role as string]!, content: text };
}

/** A text, or parts of one. */
function textOf(value: unknown, place: string): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return refuse(`${place} is ${shown(value)}; it is a text`);
  const parts = value.map((each, index) => {
    const part = fieldsOf(each, `${place}[${index}]`);
    refuseOthers(part, ['type', 'text'], `${place}[${index}]`);
    if (part.type === 'text' && typeof part.text === 'string') return part.text;
    return refuse(`${place}[${index}] is of type ${shown(part.type)}; only texts are learned from`);
  });
  return parts.join('\n');
}

function weightOf(message: unknown, place: string): 0 | 1 {
  const { weight = 1 } = message as Fields;
  return weight === 0 || weight === 1 ? weight : refuse(`${place}.weight is ${shown(weight)}; it is 0 or 1`);
}

/** OpenAI's examples carry an empty list of tools: that asks for nothing. */
function refuseTools({ tools }: Fields): void {
  if (tools === undefined || tools === null || (Array.isArray(tools) && tools.length === 0)) return;
  refuse('tools are not supported');
}

function refuseOthers(fields: Fields, known: readonly string[], place: string): void {
  const strange = Object.keys(fields).find((key) => !known.includes(key));
  if (strange !== undefined) refuse(`${place} has ${shown(strange)}, which is not supported`);
}

function listOf(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) return refuse(`${place} is not a list of messages`);
  if (value.length > maxRowMessages)
    refuse(`${place} has ${value.length} messages, at most ${maxRowMessages}`);
  return value;
}

function fieldsOf(value: unknown, place: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(`${place} is not an object`);
  }
  return value as Fields;
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 40);

function refuse(problem: string): never {
  throw new RowProblem(problem);
}
