/**
 * Perplexity and divergence on passages that have nothing to do with feedback. Few passages are looked at; as long as
 * they leave a doubt, and no longer, more are: to look is cheaper than to learn again.
 */
import type { GateCheck } from '../../core/registry/gate-record.ts';
import { type Anchor, logitsAt } from '../anchors/anchor-set.ts';
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
  for (let seen = 0; seen < options.maxPassages; seen += options.numPassages) {
    const round = candidate.turn + seen / options.numPassages;
    measured = joined(measured, await measure(candidate, indicesAt(round, options.numPassages)));
    // Once all was looked at, what cannot be told from the bound is let through.
    const isLast = seen + options.numPassages >= options.maxPassages;
    checks = checksOf(measured, options, { tolerated: isLast ? 1 : 0 });
    if (checks.every(({ verdict }) => verdict !== 'inconclusive')) break;
  }
  return checks;
}

const checksOf = (
  { divergence, overParent, overBase }: Measured,
  options: GateOptions,
  doubt: { readonly tolerated: number },
): GateCheck[] => [
  checkMean('divergence from the base', divergence, options.maxDivergence, doubt),
  checkMean('perplexity over the parent', overParent, Math.log1p(options.maxDriftPerUpdate), doubt),
  checkMean('perplexity over the base', overBase, Math.log1p(options.maxDriftInAll), doubt),
];

const joined = (a: Measured, b: Measured): Measured => ({
  divergence: [...a.divergence, ...b.divergence],
  overParent: [...a.overParent, ...b.overParent],
  overBase: [...a.overBase, ...b.overBase],
});

async function measure({ model, values, parent }: Candidate, indices: readonly number[]): Promise<Measured> {
  const anchors = await Promise.all(indices.map((index) => model.gateAnchors.get(index)));
  const texts = anchors.map(({ text }) => text);
  const now = await model.forward.score(values, texts, { logits: 'all' });
  // What the base says is known.
  const before = parent.isBase ? anchors : await parent.score(texts);
  return {
    divergence: anchors.flatMap((anchor, index) =>
      divergencesFrom(anchor, now[index]!, model.base.config.vocabSize),
    ),
    overParent: losses(before, now),
    overBase: losses(anchors, now),
  };
}

function divergencesFrom({ text, rows, logits }: Anchor, now: Scored, vocabSize: number): number[] {
  const places = rows.map((row) => row + 1 - text.from);
  return divergences(logits, logitsAt(now, places), vocabSize);
}

const losses = (before: readonly Pick<Scored, 'logprobs'>[], now: readonly Scored[]): number[] =>
  before.flatMap(({ logprobs }, index) =>
    [...logprobs].map((value, at) => value - now[index]!.logprobs[at]!),
  );
