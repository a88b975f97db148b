/** What the gate of a base version looks at: passages, canaries and taught answers, as tokens. */
import type { ChatTemplate, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { canaries, gateAnchors } from '../anchors/anchor-texts.ts';
import { createTextEncoder, type TextEncoder } from '../examples/encode.ts';
import type { Example } from '../examples/example.ts';
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

/** Tokens at the beginning of a passage that cannot be foretold. */
const firstScored = 5;

export function gateTexts(parts: GateTextParts, examples: readonly Example[]): PerKind<Text> {
  const { tokenizer, template, maxTokens } = parts;
  const encoder = createTextEncoder(parts);
  const fits = ({ tokens }: Text): boolean => tokens.length <= maxTokens;
  const passages = gateAnchors.map((passage) => {
    const ids = tokenizer.encode(passage, { addSpecialTokens: true, allowSpecial: false });
    return { tokens: ids.slice(0, maxTokens), from: firstScored };
  });
  const answered = examples.filter(({ context }) => template !== null || context.kind === 'text');
  return {
    passages: passages.filter(({ tokens }) => tokens.length > firstScored),
    canaries: canaries.map((canary) => encodeCanary(encoder, template, canary)).filter(fits),
    taught: answered
      .map((example) => answersOf(example).map((answer) => encoder.encode(example.context, answer)))
      .filter((texts) => texts.length > 0 && texts.every(fits)),
  };
}

function encodeCanary(
  encoder: TextEncoder,
  template: ChatTemplate | null,
  { question, answer }: (typeof canaries)[number],
): Text {
  return template === null
    ? encoder.encode({ kind: 'text', prompt: `${question}\n` }, answer)
    : encoder.encode({ kind: 'chat', messages: [{ role: 'user', content: question }] }, answer);
}

/** A thumb says nothing of what must be said. */
function answersOf(example: Example): readonly string[] {
  if (example.kind === 'pair') return [example.chosen, example.rejected];
  return example.kind === 'answer' ? [example.answer] : [];
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
