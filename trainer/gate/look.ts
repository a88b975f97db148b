/** Which answers one gate looks at: a few of each kind, others at each turn. */
import { answerOf } from '../examples/example.ts';
import type { Prepared } from '../learn/lesson-maker.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Text } from '../train/lesson.ts';
import { baselineOf, type Canary } from './baseline.ts';
import type { Candidate } from './candidate.ts';
import type { GateOptions } from './gate-options.ts';
import { reworded } from './rewording.ts';

export interface Looked {
  readonly taught: readonly Text[];
  /** Answers that were taught, to their questions in other words. */
  readonly heldOut: readonly Text[];
  readonly earlier: readonly Text[];
  readonly canaries: readonly Canary[];
}

export async function lookAt(candidate: Candidate, options: GateOptions): Promise<Looked> {
  const { model, learned, earlier, turn } = candidate;
  const { numEarlier, numCanaries } = options;
  return {
    taught: answersIn(learned),
    heldOut: await heldOutOf(candidate, options.numReworded),
    earlier: answersIn(earlier).slice(0, numEarlier),
    canaries: await Promise.all(indicesAt(turn, numCanaries).map((index) => baselineOf(model).canary(index))),
  };
}

/** What `turn` has to look at when it looks at `count` things; the things go round. */
export const indicesAt = (turn: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => turn * count + index);

const answersIn = (prepared: readonly Prepared[]): Text[] =>
  prepared.filter(({ example }) => example.kind === 'answer').map(({ texts }) => texts[0]!);

function heldOutOf({ model, learned, turn }: Candidate, count: number): Promise<readonly Text[]> {
  const wanted = learned.filter(({ example }) => example.kind !== 'thumb');
  const texts = indicesAt(turn, Math.min(count, wanted.length)).map((index) => {
    const { example } = wanted[index % wanted.length]!;
    return model.encoder.encode(reworded(example.context, index), answerOf(example));
  });
  return model.trunk.prepare(texts);
}

/** Scores of several groups of texts, in one run. */
export async function scoreGroups<K extends string>(
  { forward }: Pick<TrainableModel, 'forward'>,
  values: Parameters,
  groups: Readonly<Record<K, readonly Text[]>>,
): Promise<Record<K, readonly Scored[]>> {
  const entries = Object.entries(groups) as [K, readonly Text[]][];
  const scores = await forward.score(
    values,
    entries.flatMap(([, texts]) => texts),
  );
  let end = 0;
  const scored = entries.map(([name, { length }]) => [name, scores.slice(end, (end += length))] as const);
  return Object.fromEntries(scored) as unknown as Record<K, readonly Scored[]>;
}
