/** Examples to lessons: tokens, what the frozen layers make of them, and what the reference model says. */
import type { Example } from '../examples/example.ts';
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

/** Texts longer than `maxTokens` are left out; the second list names their examples. */
export async function prepare(
  model: Model,
  examples: readonly Example[],
  maxTokens: number,
): Promise<{ prepared: Prepared[]; tooLong: string[] }> {
  const encoded = examples.map((example) => {
    const answers = example.kind === 'pair' ? [example.chosen, example.rejected] : [example.answer];
    return { example, texts: answers.map((answer) => model.encoder.encode(example.context, answer)) };
  });
  const fits = ({ texts }: Prepared): boolean => texts.every(({ tokens }) => tokens.length <= maxTokens);
  const fitting = encoded.filter(fits);
  const ready = await model.trunk.prepare(fitting.flatMap(({ texts }) => texts));
  let end = 0;
  const prepared = fitting.map(({ example, texts }) => {
    const start = end;
    end += texts.length;
    return { example, texts: ready.slice(start, end) };
  });
  return { prepared, tooLong: encoded.filter((each) => !fits(each)).map(({ example }) => example.id) };
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
