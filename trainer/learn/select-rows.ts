/** Which of the rows are learned after a look at their losses and gradients, which the first step then uses. */

import { normOf } from '../train/adamw.ts';
import { addInPlace, type Parameters } from '../train/gradient-session.ts';
import { meanOf } from '../train/scored.ts';
import {
  isCertain,
  lessonOf,
  numScored,
  type Prepared,
  prepare,
  referencesOf,
  type Unfit,
} from './lesson-maker.ts';
import type { UpdateInput } from './update-input.ts';

export interface Selected {
  readonly kept: readonly Prepared[];
  readonly dropped: readonly Unfit[];
  readonly gradients: readonly number[];
  /** Of all kept rows together: what they ask for, the sum of their losses, whether all are answers that are certain. */
  readonly first: { readonly loss: number; readonly gradients: Parameters; readonly isKnown: boolean };
  readonly references: ReadonlyMap<string, readonly number[]>;
}

/** Drops rows that do not fit or whose loss or gradient is far from what rows have. */
export async function selectRows(input: UpdateInput, values: Parameters): Promise<Selected> {
  const { model, options, rows, maxTokens } = input;
  const { prepared, unfit } = await prepare(model, rows, maxTokens);
  const dropped = [...unfit];
  const kept: Prepared[] = [];
  const gradients: number[] = [];
  const first = { loss: 0, gradients: new Map() as Parameters, isKnown: true };
  // What was served is the reference; fresh factors change nothing, so that before the first version it is the base.
  const references = await referencesOf(model, values, prepared);
  for (const each of prepared) {
    await input.pace();
    const step = await model.gradients.step(values, [lessonOf(each, references, options)]);
    const logprobs = step.logprobs.subarray(0, numScored(each));
    const loss = -meanOf(logprobs);
    const norm = normOf(step.gradients);
    const reason = outlierReason(loss, norm, input);
    if (reason !== null) {
      dropped.push({ id: each.example.id, reason });
      continue;
    }
    kept.push(each);
    gradients.push(norm);
    first.loss += loss;
    first.isKnown &&= each.example.kind === 'answer' && isCertain(logprobs, options.learnedLogprob);
    if (first.gradients.size === 0) first.gradients = step.gradients;
    else addInPlace(first.gradients, step.gradients);
  }
  return { kept, dropped, gradients, first, references };
}

function outlierReason(loss: number, norm: number, { options, medianGradient }: UpdateInput): string | null {
  if (!Number.isFinite(loss) || !Number.isFinite(norm))
    return 'outlier: its loss or its gradient is not a number';
  if (loss > options.maxStartLoss)
    return `outlier: the model finds it as unlikely as noise (loss ${loss.toFixed(1)})`;
  const ratio = norm / (medianGradient ?? Number.POSITIVE_INFINITY);
  return ratio > options.maxGradientRatio
    ? `outlier: its gradient is ${ratio.toFixed(0)} times the usual`
    : null;
}
