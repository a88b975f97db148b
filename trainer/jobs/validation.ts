/** The loss of what was learned on examples that were not: cross-entropy of answers, DPO's loss of pairs. */

import { prepare, referencesOf } from '../learn/lesson-maker.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { groupsOf } from '../train/groups.ts';
import { meanOf } from '../train/scored.ts';
import type { JobExample } from './job-examples.ts';
import { examplesOf, type LessonLimits } from './job-lessons.ts';

export interface ValidationOptions extends LessonLimits {
  readonly beta: number;
  readonly pace: () => Promise<void>;
}

/** Mean over the examples, as a step's loss is. */
export async function validationLoss(
  model: TrainableModel,
  values: Parameters,
  examples: readonly JobExample[],
  options: ValidationOptions,
): Promise<number> {
  let sum = 0;
  for (const group of groupsOf(examples, ({ numTokens }) => numTokens, options.maxBatchTokens)) {
    await options.pace();
    const { prepared } = await prepare(model, examplesOf(group), options.maxTokens);
    const isPairs = prepared[0]!.example.kind === 'pair';
    const losses = isPairs
      ? await pairLosses(model, values, prepared, options.beta)
      : await answerLosses(model, values, prepared);
    sum += losses.reduce((total, loss) => total + loss, 0);
  }
  return sum / examples.length;
}

type Group = Awaited<ReturnType<typeof prepare>>['prepared'];

async function answerLosses(model: TrainableModel, values: Parameters, group: Group): Promise<number[]> {
  const texts = group.flatMap((each) => each.texts);
  const scores = await model.forward.score(values, texts);
  return scores.map(({ logprobs }) => -meanOf(logprobs));
}

/** −log σ(β·(ρ chosen − ρ rejected)), ρ being log p less the base's. */
async function pairLosses(
  model: TrainableModel,
  values: Parameters,
  group: Group,
  beta: number,
): Promise<number[]> {
  const own = await referencesOf(model, values, group);
  const base = await referencesOf(model, model.fresh, group);
  return group.map(({ example: { id } }) => {
    const [chosen, rejected] = own.get(id)!.map((sum, index) => sum - base.get(id)![index]!) as [
      number,
      number,
    ];
    return softplus(-beta * (chosen - rejected));
  });
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
