/**
 * The examples of a step as lessons, in micro-batches bounded in tokens. Texts are made ready when their step comes, so
 * that memory is that of a step, not of the file.
 */
import type { Example } from '../examples/example.ts';
import { type LearnOptions, learnDefaults } from '../learn/learn-options.ts';
import { lessonOf, type Prepared, prepare, referencesOf } from '../learn/lesson-maker.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { groupsOf } from '../train/groups.ts';
import type { Lesson } from '../train/lesson.ts';
import type { JobExample } from './job-examples.ts';

export interface LessonLimits {
  readonly maxTokens: number;
  readonly maxBatchTokens: number;
}

export class JobLessons {
  private readonly model: TrainableModel;
  private readonly limits: LessonLimits;
  private readonly options: LearnOptions;
  /** What the base says to both answers of a pair: of each by itself, so that it does not depend on who shared its batch. */
  private readonly references = new Map<string, readonly number[]>();

  constructor(model: TrainableModel, limits: LessonLimits, beta: number) {
    this.model = model;
    this.limits = limits;
    this.options = { ...learnDefaults, beta, pairWeight: 1 };
  }

  /** The loss of a step is the mean over its examples. */
  async of(batch: readonly JobExample[]): Promise<Lesson[][]> {
    const groups: Lesson[][] = [];
    for (const prepared of await this.prepare(batch)) {
      for (const each of prepared) await this.learnReference(each);
      groups.push(prepared.map((each) => this.lesson(each, 1 / batch.length)));
    }
    return groups;
  }

  private async prepare(batch: readonly JobExample[]): Promise<Prepared[][]> {
    const groups: Prepared[][] = [];
    for (const group of groupsOf(batch, ({ numTokens }) => numTokens, this.limits.maxBatchTokens)) {
      groups.push((await prepare(this.model, examplesOf(group), this.limits.maxTokens)).prepared);
    }
    return groups;
  }

  private lesson(each: Prepared, weight: number): Lesson {
    const lesson = lessonOf(each, this.references, this.options);
    // DPO as Rafailov et al. 2023 have it, with nothing added.
    return lesson.kind === 'pair' ? { ...lesson, weight, nllWeight: 0 } : { ...lesson, weight };
  }

  private async learnReference(each: Prepared): Promise<void> {
    const { id, kind } = each.example;
    if (kind === 'answer' || this.references.has(id)) return;
    for (const [name, sums] of await referencesOf(this.model, this.model.fresh, [each])) {
      this.references.set(name, sums);
    }
  }
}

export const examplesOf = (group: readonly JobExample[]): Example[] => group.map(({ example }) => example);
