/**
 * Perplexity and divergence on passages that have nothing to do with feedback. Few passages are looked at; as long as
 * they leave a doubt, and no longer, more are: to look is cheaper than to learn again.
 */
import type { GateCheck } from '../../core/registry/gate-record.ts';
import { type Anchor, logitsAt } from '../anchors/anchor-set.ts';
import { lossesOf } from '../anchors/level-set.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Candidate } from './candidate.ts';
import { checkMean } from './checks.ts';
import { divergences } from './divergence.ts';
import type { GateOptions } from './gate-options.ts';
import { indicesAt } from './look.ts';

/** One number for each place that was looked at, nats. */
interface Measured {
  readonly divergence: readonly number[];
  /** What the tokens have lost against the parent and against the base. */
  readonly overParent: readonly number[];
  readonly overBase: readonly number[];
}

export async function passageChecks(candidate: Candidate, options: GateOptions): Promise<GateCheck[]> {
  let measured: Measured = { divergence: [], overParent: [], overBase: [] };
  let checks: GateCheck[] = [];
  for (let round = 0; round < options.maxLooks; round++) {
    measured = joined(measured, await measure(candidate, options, round));
    checks = checksOf(measured, options);
    if (checks.every(({ verdict }) => verdict !== 'inconclusive')) break;
  }
  return checks;
}

const checksOf = ({ divergence, overParent, overBase }: Measured, options: GateOptions): GateCheck[] => [
  checkMean('divergence from the base', divergence, options.maxDivergence),
  checkMean('perplexity over the parent', overParent, Math.log1p(options.maxDriftPerUpdate)),
  checkMean('perplexity over the base', overBase, Math.log1p(options.maxDriftInAll)),
];

const joined = (a: Measured, b: Measured): Measured => ({
  divergence: [...a.divergence, ...b.divergence],
  overParent: [...a.overParent, ...b.overParent],
  overBase: [...a.overBase, ...b.overBase],
});

async function measure(candidate: Candidate, options: GateOptions, round: number): Promise<Measured> {
  const { model, values, parent, turn } = candidate;
  const { numPassages } = options;
  const passages = await model.level.some(turn + round * numPassages, numPassages);
  const texts = passages.map(({ text }) => text);
  const now = await model.scores.score(values, texts);
  // What the base says is known.
  const before = parent.isBase ? passages : await parent.score(texts);
  return {
    divergence: await divergencesOf(candidate, indicesAt(turn + round, options.numAnchors)),
    overParent: lossesOf(before, now),
    overBase: lossesOf(passages, now),
  };
}

async function divergencesOf({ model, values }: Candidate, indices: readonly number[]): Promise<number[]> {
  const anchors = await Promise.all(indices.map((index) => model.gateAnchors.get(index)));
  const texts = anchors.map(({ text }) => text);
  const now = await model.forward.score(values, texts, { logits: 'all' });
  return anchors.flatMap((anchor, index) =>
    divergencesFrom(anchor, now[index]!, model.base.config.vocabSize),
  );
}

function divergencesFrom({ text, rows, logits }: Anchor, now: Scored, vocabSize: number): number[] {
  const places = rows.map((row) => row + 1 - text.from);
  return divergences(logits, logitsAt(now, places), vocabSize);
}
