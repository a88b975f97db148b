/**
 * Passages by which all text is judged at once: what the base says to each of their tokens, and the slope of their loss,
 * which is the way that an adapter's values go when they make text of every kind less likely.
 */
import { addInPlace, type GradientSession, type Parameters } from '../train/gradient-session.ts';
import type { Lesson, Text } from '../train/lesson.ts';
import { type AnchorParts, encodePassage } from './anchor-set.ts';
import { MadeOnce } from './made-once.ts';

export interface LevelParts extends Omit<AnchorParts, 'encoder'> {
  /** The slope is taken at the factors that change nothing, with which every line of versions begins. */
  readonly gradients: GradientSession;
}

export interface LevelPassage {
  readonly text: Text;
  /** What the base says to each scored token. */
  readonly logprobs: Float32Array;
}

/** Tokens of a passage that are used. */
const maxTokens = 72;
/** Passages that the slope is taken of, and how many of them one step takes. */
const [slopePassages, slopeStep] = [24, 2];

export class LevelSet {
  private readonly parts: LevelParts;
  private readonly passages: readonly string[];
  private readonly made = new MadeOnce<number>();
  private readonly sum: Map<string, Float32Array> = new Map();
  private numInSlope = 0;

  constructor(passages: readonly string[], parts: LevelParts) {
    this.passages = passages;
    this.parts = parts;
  }

  get size(): number {
    return this.passages.length;
  }

  /** Any index: they go round. */
  get(index: number): Promise<LevelPassage> {
    const at = index % this.size;
    return this.made.get(at, () => this.make(this.passages[at]!));
  }

  /** `count` of them from an index on. */
  some(from: number, count: number): Promise<LevelPassage[]> {
    return Promise.all(Array.from({ length: count }, (_, index) => this.get(from + index)));
  }

  /** Pieces of work that `slope` would do at once; to be done one after the other, in idle moments. */
  slopePieces(): (() => Promise<unknown>)[] {
    const count = Math.ceil(this.numPassages / slopeStep);
    return Array.from({ length: count }, (_, index) => () => this.slopeUpTo((index + 1) * slopeStep));
  }

  /** Gradient of the passages' loss, each counted alike, nats a token for each unit of a value. */
  async slope(): Promise<Parameters> {
    await this.slopeUpTo(this.numPassages);
    return this.sum;
  }

  private get numPassages(): number {
    return Math.min(slopePassages, this.size);
  }

  private async slopeUpTo(end: number): Promise<void> {
    while (this.numInSlope < Math.min(end, this.numPassages)) {
      const count = Math.min(slopeStep, this.numPassages - this.numInSlope);
      const passages = await this.some(this.numInSlope, count);
      const weight = 1 / this.numPassages;
      const lessons = passages.map(({ text }): Lesson => ({ kind: 'answer', text, weight }));
      const { gradients } = await this.parts.gradients.step(this.parts.fresh, lessons);
      if (this.sum.size === 0) for (const [name, values] of gradients) this.sum.set(name, values.slice());
      else addInPlace(this.sum, gradients);
      this.numInSlope += count;
    }
  }

  private async make(passage: string): Promise<LevelPassage> {
    const { tokenizer, trunk, forward, fresh } = this.parts;
    const [text] = await trunk.prepare([encodePassage(tokenizer, passage, maxTokens)]);
    const [scored] = await forward.score(fresh, [text!]);
    return { text: text!, logprobs: scored!.logprobs };
  }
}

/** What the tokens of the passages have lost against the base, nats each. */
export const lossesOf = (
  passages: readonly Pick<LevelPassage, 'logprobs'>[],
  now: readonly Pick<LevelPassage, 'logprobs'>[],
): number[] =>
  passages.flatMap(({ logprobs }, index) =>
    [...logprobs].map((value, at) => value - now[index]!.logprobs[at]!),
  );
