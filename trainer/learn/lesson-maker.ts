/** Examples to lessons: tokens, what the frozen layers make of them, and what the reference model says. */
import { messageOf } from '../../core/message-of.ts';
import { answersOf, type Example } from '../examples/example.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Lesson, Text } from '../train/lesson.ts';
import type { LearnOptions } from './learn-options.ts';

/** An example with its texts ready: of a pair the chosen one first. */
export interface Prepared {
  readonly example: Example;
  readonly texts: readonly Text[];
}

type Model = Pick<TrainableModel, 'encoder' | 'trunk' | 'forward'>;

export interface Unfit {
  readonly id: string;
  readonly reason: string;
}

/** Examples that do not become texts of at most `maxTokens` are left out, each with its reason. */
export async function prepare(
  model: Model,
  examples: readonly Example[],
  maxTokens: number,
): Promise<{ prepared: Prepared[]; unfit: Unfit[] }> {
  const unfit: Unfit[] = [];
  const fitting: Prepared[] = [];
  for (const example of examples) {
    const made = encode(model, example, maxTokens);
    if (typeof made === 'string') unfit.push({ id: example.id, reason: made });
    else fitting.push({ example, texts: made });
  }
  const ready = await model.trunk.prepare(fitting.flatMap(({ texts }) => texts));
  let end = 0;
  const prepared = fitting.map(({ example, texts }) => {
    const start = end;
    end += texts.length;
    return { example, texts: ready.slice(start, end) };
  });
  return { prepared, unfit };
}

/** The example's texts, or the reason why it has none. */
function encode({ encoder }: Model, example: Example, maxTokens: number): Text[] | string {
  try {
    const texts = answersOf(example).map((answer) => encoder.encode(example.context, answer));
    if (texts.some(({ tokens }) => tokens.length > maxTokens)) return `it has more than ${maxTokens} tokens`;
    if (texts.some(({ tokens, from }) => from < 1 || from >= tokens.length))
      return 'it has no token in front of the answer, or none in it';
    return texts;
  } catch (error) {
    return `the model cannot read it: ${messageOf(error)}`;
  }
}

/** Sums of log p under the reference, for those examples that are judged against one. */
export async function referencesOf(
  model: Model,
  reference: Parameters,
  prepared: readonly Prepared[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const compared = prepared.filter(({ example }) => example.kind !== 'answer');
  const scores = await model.forward.score(
    reference,
    compared.flatMap(({ texts }) => texts),
  );
  const sums = scores.map(({ logprobs }) => logprobs.reduce((sum, value) => sum + value, 0));
  let end = 0;
  return new Map(
    compared.map(({ example, texts }) => {
      const start = end;
      end += texts.length;
      return [example.id, sums.slice(start, end)] as const;
    }),
  );
}

export function lessonOf(
  { example, texts }: Prepared,
  references: ReadonlyMap<string, readonly number[]>,
  options: LearnOptions,
): Lesson {
  const [text, other] = texts as [Text, Text];
  if (example.kind === 'answer') return { kind: 'answer', text, weight: 1 };
  const [own, others] = references.get(example.id)! as [number, number];
  const { beta, pairWeight, thumbWeight } = options;
  if (example.kind === 'pair') {
    const reference = { chosen: own, rejected: others };
    // The chosen answer's own likelihood counts whole, the contrast a part.
    const nllWeight = 1 / pairWeight;
    return { kind: 'pair', chosen: text, rejected: other, reference, beta, weight: pairWeight, nllWeight };
  }
  const { isGood } = example;
  return { kind: 'thumb', text, isGood, reference: own, shift: 0, beta, weight: thumbWeight };
}

/** Scored tokens of the text that is wanted said; a pair's other text comes behind it. */
export const numScored = ({ texts: [text] }: Prepared): number => text!.tokens.length - text!.from;

/** Whether each token of an answer is certain enough for the answer to be known. */
export const isCertain = (logprobs: Float32Array, least: number): boolean =>
  logprobs.every((value) => value >= least);
