/**
 * One update of clock 1: new rows are learned until their answers are certain, beside earlier rows, and held to the base
 * on passages that have nothing to do with them. Deterministic: the same rows, start and seed give the same values.
 */
import { createRng, type Rng } from '../../core/rng.ts';
import { anchorLesson } from '../anchors/anchor-set.ts';
import type { Example } from '../examples/example.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { ReplayBuffer } from '../replay/replay-buffer.ts';
import { AdamW, normOf } from '../train/adamw.ts';
import { copyOf } from '../train/ema.ts';
import type { GradientStep, Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import type { Lesson } from '../train/lesson.ts';
import type { LearnOptions } from './learn-options.ts';
import { lessonOf, type Prepared, prepare, referencesOf } from './lesson-maker.ts';

export interface UpdateInput {
  readonly model: TrainableModel;
  /** The version that is built on; null starts from the base. */
  readonly start: Parameters | null;
  readonly rows: readonly Example[];
  readonly replay: ReplayBuffer;
  readonly options: LearnOptions;
  readonly seed: number;
  /** Steps that were taken before this update; counts the replay's turns. */
  readonly turn: number;
  /** Tokens of a text. */
  readonly maxTokens: number;
  /** Median of the gradient norms of earlier rows; null while there are none. */
  readonly medianGradient: number | null;
  /** Resolves when training may go on; called before each step. */
  readonly pace: () => Promise<void>;
}

export interface UpdateResult {
  /** Null when no row was left to learn. */
  readonly values: Parameters | null;
  readonly learned: readonly Prepared[];
  readonly dropped: readonly { readonly id: string; readonly reason: string }[];
  readonly numSteps: number;
  /** Loss of the new rows, step by step. */
  readonly losses: readonly number[];
  /** Norms of the new rows' own gradients at the start. */
  readonly gradients: readonly number[];
}

export async function update(input: UpdateInput): Promise<UpdateResult> {
  const { model, options, seed, start } = input;
  const rng = createRng(seed);
  const values = copyOf(start ?? initialLora(model.base.config, model.shape, seed));
  const { kept, dropped, gradients, first } = await selectRows(input, values);
  if (kept.length === 0) return { values: null, learned: [], dropped, numSteps: 0, losses: [], gradients };
  const lessons = new Lessons(input, kept, rng);
  const optimizer = new AdamW(options.optimizer);
  const losses = [first.loss / kept.length];
  // The rows' own gradients are known by now: the first step is theirs alone.
  optimizer.step(values, first.gradients, options.learningRate);
  const mostSteps = kept.some(({ example }) => example.kind === 'answer')
    ? options.maxSteps
    : options.preferenceSteps;
  while (losses.length < mostSteps) {
    await input.pace();
    const step = await model.gradients.step(values, await lessons.next());
    const { loss, isLearned } = lessons.judge(step);
    losses.push(loss);
    if (isLearned) break;
    optimizer.step(values, step.gradients, options.learningRate);
  }
  return { values, learned: kept, dropped, numSteps: optimizer.state.numSteps, losses, gradients };
}

/** Drops rows that do not fit or whose loss or gradient is far from what rows have. */
async function selectRows(input: UpdateInput, values: Parameters) {
  const { model, options, rows, maxTokens, medianGradient } = input;
  const { prepared, tooLong } = await prepare(model, rows, maxTokens);
  const dropped = tooLong.map((id) => ({ id, reason: `it has more than ${maxTokens} tokens` }));
  const kept: Prepared[] = [];
  const gradients: number[] = [];
  const first = { loss: 0, gradients: new Map<string, Float32Array>() };
  const references = await referencesOf(model, values, prepared);
  for (const each of prepared) {
    await input.pace();
    const { id } = each.example;
    const step = await model.gradients.step(values, [lessonOf(each, references, options)]);
    const loss = -mean(step.logprobs.subarray(0, numScored(each)));
    const norm = normOf(step.gradients);
    const most =
      medianGradient === null ? Number.POSITIVE_INFINITY : medianGradient * options.maxGradientRatio;
    if (!(loss <= options.maxStartLoss)) {
      dropped.push({
        id,
        reason: `outlier: the model finds it as unlikely as noise (loss ${loss.toFixed(1)})`,
      });
    } else if (!(norm <= most)) {
      dropped.push({
        id,
        reason: `outlier: its gradient is ${(norm / medianGradient!).toFixed(0)} times the usual`,
      });
    } else {
      kept.push(each);
      gradients.push(norm);
      first.loss += loss;
      addTo(first.gradients, step.gradients);
    }
  }
  return { kept, dropped, gradients, first };
}

function addTo(sums: Map<string, Float32Array>, gradients: Parameters): void {
  for (const [name, gradient] of gradients) {
    const sum = sums.get(name);
    if (sum === undefined) sums.set(name, gradient);
    else for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
  }
}

const numScored = ({ texts: [text] }: Prepared): number => text!.tokens.length - text!.from;
const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What each step learns from: the new rows first, then earlier ones, then passages. */
class Lessons {
  private readonly input: UpdateInput;
  private readonly kept: readonly Prepared[];
  private readonly rng: Rng;
  private readonly prepared = new Map<string, Prepared>();
  private references: ReadonlyMap<string, readonly number[]> | null = null;
  /** Earlier rows of the current step. */
  private earlier: readonly Prepared[] = [];
  private turn: number;

  constructor(input: UpdateInput, kept: readonly Prepared[], rng: Rng) {
    this.input = input;
    this.kept = kept;
    this.rng = rng;
    this.turn = input.turn;
  }

  async next(): Promise<Lesson[]> {
    const { model, options, start } = this.input;
    this.turn++;
    this.earlier = await this.drawReplay();
    // What was served is the reference; before the first version it is the base.
    this.references ??= await referencesOf(model, start ?? model.zeros, this.kept);
    const lessons = [...this.kept, ...this.earlier].map((each) => lessonOf(each, this.references!, options));
    for (let i = 0; i < options.numAnchors; i++) {
      const anchor = await model.anchors.get(Math.floor(this.rng.next() * model.anchors.size));
      lessons.push(anchorLesson(anchor, options.anchorWeight / options.numAnchors));
    }
    return lessons;
  }

  /** Mean loss of the new rows, and whether each of their tokens is certain enough. Earlier rows are marked. */
  judge({ logprobs }: GradientStep): { loss: number; isLearned: boolean } {
    let end = 0;
    const own = (each: Prepared): Float32Array => {
      const start = end;
      end += each.texts.reduce((total, { tokens, from }) => total + tokens.length - from, 0);
      return logprobs.subarray(start, start + numScored(each));
    };
    const scores = this.kept.map(own);
    for (const each of this.earlier) {
      this.input.replay.mark(each.example.id, this.isCertain(own(each)), this.turn);
    }
    const isLearned = this.kept.every(
      ({ example }, index) => example.kind === 'answer' && this.isCertain(scores[index]!),
    );
    return { loss: -scores.reduce((sum, values) => sum + mean(values), 0) / scores.length, isLearned };
  }

  private isCertain(logprobs: Float32Array): boolean {
    return logprobs.every((value) => value >= this.input.options.learnedLogprob);
  }

  /** Only answers are repeated: preferences have no end that could be lost. */
  private async drawReplay(): Promise<Prepared[]> {
    const { model, options, replay, maxTokens } = this.input;
    const own = new Set(this.kept.map(({ example }) => example.id));
    for (const { id, kind } of replay.all()) if (kind !== 'answer') own.add(id);
    const drawn = replay.next(options.numReplayed, this.turn, this.rng, own);
    const missing = drawn.filter(({ id }) => !this.prepared.has(id));
    for (const each of (await prepare(model, missing, maxTokens)).prepared) {
      this.prepared.set(each.example.id, each);
    }
    return drawn.flatMap(({ id }) => this.prepared.get(id) ?? []);
  }
}
