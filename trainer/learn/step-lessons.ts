/** What each step of an update learns from, and what its result says about what is known by now. */

import type { Rng } from '../../core/rng.ts';
import { type AnchorSet, anchorLesson } from '../anchors/anchor-set.ts';
import type { Example } from '../examples/example.ts';
import { inKeywords } from '../examples/keywords.ts';
import type { GradientStep, Parameters } from '../train/gradient-session.ts';
import type { Lesson } from '../train/lesson.ts';
import { meanOf } from '../train/scored.ts';
import { isCertain, lessonOf, numScored, type Prepared, prepare } from './lesson-maker.ts';
import type { Selected } from './select-rows.ts';
import type { UpdateInput } from './update-input.ts';

/** The new rows, and beside them by turns earlier ones, by their words, or passages that hold the rest in place. */
export class StepLessons {
  private readonly input: UpdateInput;
  private readonly kept: readonly Prepared[];
  private readonly references: Selected['references'];
  private readonly rng: Rng;
  private readonly prepared = new Map<string, Prepared>();
  /** Not to be repeated: what is learned now, preferences, which have no end that could be lost, and what does not fit. */
  private readonly excluded: Set<string>;
  /** Earlier answers that were found lost, until a step finds them known again. */
  private readonly lost = new Map<string, Prepared>();
  /** Earlier rows of the current step. */
  private earlier: readonly Prepared[] = [];
  private turn: number;

  constructor(input: UpdateInput, { kept, references }: Selected, rng: Rng) {
    this.input = input;
    this.kept = kept;
    this.references = references;
    this.rng = rng;
    this.turn = input.turn;
    const preferences = input.replay.all().filter(({ kind }) => kind !== 'answer');
    this.excluded = new Set([...preferences, ...kept.map(({ example }) => example)].map(({ id }) => id));
  }

  get hasLost(): boolean {
    return this.lost.size > 0;
  }

  async next(): Promise<Lesson[]> {
    const { model, options } = this.input;
    this.turn++;
    const isHeld = this.turn % 2 === 0;
    const mended = [...this.lost.values()].slice(0, options.maxMended);
    const drawn = mended.length > 0 || isHeld ? [] : await this.earlierOf(this.draw(options.numReplayed));
    this.earlier = mended.length > 0 ? mended : await this.byKeywords(drawn);
    const lessons = [...this.kept, ...this.earlier].map((each) => lessonOf(each, this.references, options));
    if (isHeld || this.earlier.length === 0) lessons.push(...(await this.anchors(model.anchors)));
    return lessons;
  }

  /** Mean loss of the new rows, and whether each token of the answers is certain enough. Earlier rows are marked. */
  judge({ logprobs }: GradientStep): { loss: number; isLearned: boolean } {
    const { options } = this.input;
    let end = 0;
    const own = (each: Prepared): Float32Array => {
      const start = end;
      end += each.texts.reduce((total, { tokens, from }) => total + tokens.length - from, 0);
      return logprobs.subarray(start, start + numScored(each));
    };
    const scores = this.kept.map(own);
    for (const each of this.earlier) this.note(each, isCertain(own(each), options.learnedLogprob));
    const isLearned = this.kept.every(
      ({ example }, index) => example.kind !== 'answer' || isCertain(scores[index]!, options.learnedLogprob),
    );
    return { loss: -scores.reduce((sum, values) => sum + meanOf(values), 0) / scores.length, isLearned };
  }

  /** Looks at those earlier answers that are due the soonest. What is lost is repeated by the next steps. */
  async check(values: Parameters): Promise<void> {
    const { model, options, replay } = this.input;
    const checked = await this.earlierOf(replay.soonest(options.numChecked, this.excluded));
    const scores = await model.forward.score(
      values,
      checked.map(({ texts }) => texts[0]!),
    );
    checked.forEach((each, index) => {
      const isKnown = isCertain(scores[index]!.logprobs, options.knownLogprob);
      if (!isKnown) this.lost.set(each.example.id, each);
      this.note(each, isKnown);
    });
  }

  private note({ example: { id } }: Prepared, isKnown: boolean): void {
    this.input.replay.mark(id, isKnown, this.turn);
    if (isKnown) this.lost.delete(id);
  }

  /** Answers to questions that are put by their words alone, so that they are found however they are asked for. */
  private async byKeywords(rows: readonly Prepared[]): Promise<readonly Prepared[]> {
    const { model, maxTokens } = this.input;
    const examples = rows.map(({ example }) => {
      const context = example.kind === 'answer' ? inKeywords(example.context, this.rng.next() < 0.5) : null;
      return context === null ? example : { ...example, context };
    });
    const { prepared } = await prepare(model, examples, maxTokens);
    return prepared;
  }

  private async anchors(set: AnchorSet): Promise<Lesson[]> {
    const { numAnchors, anchorWeight } = this.input.options;
    const first = Math.floor(this.rng.next() * set.size);
    const indices = Array.from({ length: numAnchors }, (_, index) => first + index);
    const anchors = await Promise.all(indices.map((index) => set.get(index)));
    return anchors.map((anchor) => anchorLesson(anchor, anchorWeight / numAnchors));
  }

  private draw(count: number): readonly Example[] {
    return this.input.replay.next(count, this.turn, this.rng, this.excluded);
  }

  private async earlierOf(drawn: readonly Example[]): Promise<Prepared[]> {
    const { model, maxTokens } = this.input;
    const missing = drawn.filter(({ id }) => !this.prepared.has(id));
    const { prepared, unfit } = await prepare(model, missing, maxTokens);
    for (const each of prepared) this.prepared.set(each.example.id, each);
    for (const { id } of unfit) this.excluded.add(id);
    return drawn.flatMap(({ id }) => this.prepared.get(id) ?? []);
  }
}
