/**
 * An update makes text of every kind a little more or less likely, whatever it teaches. That is taken out of it: the
 * values are moved along the slope of the passages' loss until the passages are as likely as the base finds them, or, where
 * the parent finds them likelier than the base, hardly less likely than that. To keep a mean loss by a projection along its
 * gradient is A-GEM's (Chaudhry et al. 2019); here it is done once for the whole update, and by as much as was measured.
 */
import { type LevelPassage, lossesOf } from '../anchors/level-set.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { meanOf } from '../train/scored.ts';

export interface LevelOptions {
  /** Passages by which the loss is judged; half of them tell what a move has done. */
  readonly numPassages: number;
  /** How far a mean loss may stay from what it should be, and how far one update may bring it up to the base's, nats a token. */
  readonly tolerance: number;
  readonly maxMoves: number;
  /** A move is at most this share of the way that the factors have come from their start. */
  readonly maxShare: number;
}

type Model = Pick<TrainableModel, 'level' | 'scores' | 'fresh'>;

/** Passages that are scored at once; serving is let go first in between. */
const passagesAtOnce = 4;

/** What each token of the passages has lost against the base, nats. */
async function lossesOn(
  { scores }: Pick<Model, 'scores'>,
  values: Parameters,
  passages: readonly LevelPassage[],
  pace: () => Promise<void>,
): Promise<number[]> {
  const losses: number[] = [];
  for (let start = 0; start < passages.length; start += passagesAtOnce) {
    await pace();
    const some = passages.slice(start, start + passagesAtOnce);
    const texts = some.map(({ text }) => text);
    losses.push(...lossesOf(some, await scores.score(values, texts)));
  }
  return losses;
}

export interface Unlevelled {
  readonly values: Parameters;
  /** Null for the base. */
  readonly parent: Parameters | null;
  /** Counts updates: most passages stay from one to the next, so that two versions are judged by the same ones. */
  readonly turn: number;
}

/** The values themselves where nothing is to be taken out, or where moving along the slope does not do it. */
export async function level(
  model: Model,
  { values, parent, turn }: Unlevelled,
  options: LevelOptions,
  pace: () => Promise<void>,
): Promise<Parameters> {
  const { numPassages, tolerance, maxMoves } = options;
  const passages = await model.level.some(turn, numPassages);
  const half = passages.slice(0, Math.ceil(numPassages / 2));
  const before = parent === null ? 0 : meanOf(await lossesOn(model, parent, passages, pace));
  const aim = Math.min(0, before + tolerance);
  const loss = meanOf(await lossesOn(model, values, passages, pace)) - aim;
  const halfLoss = meanOf(await lossesOn(model, values, half, pace));
  const isLevel = (left: number): boolean => !(Math.abs(left) > tolerance);
  if (isLevel(loss)) return values;
  const slope = await model.level.slope();
  const steepness = dot(slope, slope);
  const furthest = options.maxShare * distance(values, model.fresh);
  let best = { values, left: loss };
  // What a move changes for each unit of it: the slope's own square at first, then what was measured.
  let effect = steepness;
  for (let move = 0, length = 0; move < maxMoves && !isLevel(best.left); move++) {
    length += best.left / effect;
    if (!(Math.abs(length) * Math.sqrt(steepness) <= furthest)) break;
    const moved = movedBy(values, slope, -length);
    const left = loss + meanOf(await lossesOn(model, moved, half, pace)) - halfLoss;
    if (!(Math.abs(left) < Math.abs(best.left))) break;
    effect = (loss - left) / length;
    best = { values: moved, left };
  }
  return best.values;
}

function movedBy(values: Parameters, way: Parameters, by: number): Parameters {
  return new Map(
    [...values].map(([name, own]) => {
      const along = way.get(name)!;
      return [name, own.map((value, index) => value + by * along[index]!)] as const;
    }),
  );
}

const dot = (a: Parameters, b: Parameters): number => sumOver(a, b, (x, y) => x * y);

const distance = (a: Parameters, b: Parameters): number => Math.sqrt(sumOver(a, b, (x, y) => (x - y) ** 2));

function sumOver(a: Parameters, b: Parameters, of: (x: number, y: number) => number): number {
  let sum = 0;
  for (const [name, xs] of a) {
    const ys = b.get(name)!;
    for (let i = 0; i < xs.length; i++) sum += of(xs[i]!, ys[i]!);
  }
  return sum;
}
