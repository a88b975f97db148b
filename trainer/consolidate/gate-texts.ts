/** What the gate of a base version looks at: passages, canaries and taught answers, as tokens. */

import type { ChatTemplate, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { encodePassage } from '../anchors/anchor-set.ts';
import { canaries, gateAnchors } from '../anchors/anchor-texts.ts';
import { createTextEncoder } from '../examples/encode.ts';
import { answersOf, type Example } from '../examples/example.ts';
import type { Text } from '../train/lesson.ts';

/** Something for each kind of text: texts, and later what was measured on them. */
export interface PerKind<T> {
  readonly passages: readonly T[];
  readonly canaries: readonly T[];
  /** For each example its answer or, of a pair, the chosen one and the rejected one. */
  readonly taught: readonly (readonly T[])[];
}

export interface GateTextParts {
  readonly tokenizer: Tokenizer;
  /** Null: the model has no chats. */
  readonly template: ChatTemplate | null;
  readonly endToken: number | null;
  /** Passages are cut behind this many tokens, longer answers left out. */
  readonly maxTokens: number;
}

export function gateTexts(parts: GateTextParts, examples: readonly Example[]): PerKind<Text> {
  const { tokenizer, template, maxTokens } = parts;
  const encoder = createTextEncoder(parts);
  const fits = ({ tokens }: Text): boolean => tokens.length <= maxTokens;
  const passages = gateAnchors.map((passage) => encodePassage(tokenizer, passage, maxTokens));
  // A thumb says nothing of what must be said.
  const answered = examples.filter(
    ({ kind, context }) => kind !== 'thumb' && (template !== null || context.kind === 'text'),
  );
  return {
    passages: passages.filter(({ tokens, from }) => tokens.length > from),
    canaries: canaries
      .map(({ question, answer }) => encoder.encode(encoder.asking(question), answer))
      .filter(fits),
    taught: answered
      .map((example) => answersOf(example).map((answer) => encoder.encode(example.context, answer)))
      .filter((texts) => texts.length > 0 && texts.every(fits)),
  };
}

export const flatten = <T>({ passages, canaries: fixed, taught }: PerKind<T>): T[] => [
  ...passages,
  ...fixed,
  ...taught.flat(),
];

/** What was measured on the flattened texts, in their order, put where they were. */
export function regroup<T>(texts: PerKind<Text>, measured: readonly T[]): PerKind<T> {
  let end = 0;
  const next = <E>(group: readonly E[]): T[] => measured.slice(end, (end += group.length));
  return {
    passages: next(texts.passages),
    canaries: next(texts.canaries),
    taught: texts.taught.map((answers) => next(answers)),
  };
}
