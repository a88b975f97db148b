/**
 * One update of clock 1: new rows are learned until their answers are certain, beside earlier rows, and held to the base
 * on passages that have nothing to do with them. Deterministic: the same rows, start and seed give the same values.
 */
import { createRng } from '../../core/rng.ts';
import { AdamW, normOf } from '../train/adamw.ts';
import { copyOf } from '../train/ema.ts';
import type { GradientStep, Parameters } from '../train/gradient-session.ts';
import type { LearnOptions } from './learn-options.ts';
import type { Prepared, Unfit } from './lesson-maker.ts';
import { type Selected, selectRows } from './select-rows.ts';
import { StepLessons } from './step-lessons.ts';
import type { UpdateInput } from './update-input.ts';

export type { UpdateInput } from './update-input.ts';

export interface UpdateResult {
  readonly selected: Selected;
  /** Null when no row was left to learn. */
  readonly values: Parameters | null;
  readonly learned: readonly Prepared[];
  readonly dropped: readonly Unfit[];
  readonly numSteps: number;
  /** Loss of the new rows, step by step. */
  readonly losses: readonly number[];
  /** Norms of the new rows' own gradients at the start. */
  readonly gradients: readonly number[];
}

/** `known` is what an earlier update has selected of the same rows and the same start. */
export async function update(input: UpdateInput, known?: Selected): Promise<UpdateResult> {
  const { model, options, seed, start } = input;
  const values = copyOf(start ?? model.fresh);
  const selected = known ?? (await selectRows(input, values));
  const { kept, dropped, gradients, first } = selected;
  const common = { selected, dropped, gradients };
  if (kept.length === 0) return { ...common, values: null, learned: [], numSteps: 0, losses: [] };
  const losses = [first.loss / kept.length];
  if (first.isKnown) return { ...common, values, learned: kept, numSteps: 0, losses };
  const lessons = new StepLessons(input, selected, createRng(seed));
  const optimizer = new AdamW(options.optimizer);
  // The rows' own gradients are known by now: the first step is theirs alone.
  optimizer.step(values, first.gradients, options.learningRate);
  const [mostSteps, leastSteps] = stepsFor(kept, options);
  let numChecks = 0;
  while (losses.length < mostSteps) {
    await input.pace();
    const step = await model.gradients.step(values, await lessons.next());
    const { loss, isLearned } = lessons.judge(step);
    losses.push(loss);
    // What went astray is for the gate to refuse.
    if (!isFiniteStep(step)) break;
    if (isLearned && losses.length > leastSteps && !lessons.hasLost) {
      if (numChecks++ < options.maxChecks) await lessons.check(values);
      if (!lessons.hasLost) break;
    }
    optimizer.step(values, step.gradients, options.learningRate);
  }
  return { ...common, values, learned: kept, numSteps: optimizer.state.numSteps, losses };
}

/** At most and at least: answers are learned until they are certain, preferences for so many steps. */
function stepsFor(kept: readonly Prepared[], options: LearnOptions): readonly [number, number] {
  const numAnswers = kept.filter(({ example }) => example.kind === 'answer').length;
  const leastSteps = numAnswers === kept.length ? 0 : options.preferenceSteps;
  return [numAnswers === 0 ? leastSteps : options.maxSteps, leastSteps];
}

const isFiniteStep = ({ loss, gradients }: Pick<GradientStep, 'loss' | 'gradients'>): boolean =>
  Number.isFinite(loss) && Number.isFinite(normOf(gradients));
