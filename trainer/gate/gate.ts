/**
 * What a candidate has to pass before it is published: it is sound, has learned what it was taught, has lost nothing of
 * what was taught before, and says everything else as it did. Measured on texts that it was not trained on; which of them
 * are looked at rotates. Held-out rows of the kind that was learned are the new questions in other words: an update has
 * few rows, and to leave one out would be not to learn it; scored before and after, they must not get worse.
 */

import { misfitOf } from '../../core/adapter/adapter.ts';
import { failedChecks, type Gate, type GateCheck } from '../../core/registry/gate-record.ts';
import { canaries } from '../anchors/anchor-texts.ts';
import { holdsSecret } from '../examples/secrets.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Text } from '../train/lesson.ts';
import { isGreedy, meanOf } from '../train/scored.ts';
import { baselineOf } from './baseline.ts';
import type { Candidate } from './candidate.ts';
import { checkEach, checkFact, checkLargest, checkShare, gateOf } from './checks.ts';
import type { GateOptions } from './gate-options.ts';
import { indicesAt, lookAt, scoreGroups } from './look.ts';
import { passageChecks } from './passages.ts';
import { secretProbes, secretsTold } from './secret-probes.ts';

export type { Candidate } from './candidate.ts';

export async function runGate(candidate: Candidate, options: GateOptions): Promise<Gate> {
  const { model, values, learned } = candidate;
  const misfit = misfitOf({ shape: model.shape, values }, model.base.config);
  const sound = checkFact('finite', misfit === null);
  if (misfit !== null) return gateOf([sound]);
  const holdNone = learned.every(({ example }) => !holdsSecret(example));
  const discreet = checkFact(secretChecks.held, holdNone);
  if (!holdNone) return gateOf([sound, discreet]);
  return gateOf([
    sound,
    discreet,
    ...(await answerChecks(candidate, options)),
    ...(await passageChecks(candidate, options)),
    await secretCheck(candidate, options),
  ]);
}

const secretChecks = { held: 'no personal data or secrets', told: 'no secret is told' } as const;

/** The rows themselves are at fault: learned in another way they would be refused again. */
export const isForSecret = (gate: Gate): boolean =>
  failedChecks(gate).some((name) => name === secretChecks.held || name === secretChecks.told);

/** All that gates compare with, to be asked of the base beforehand, so that the first ones are as quick as the later. */
export function gatePieces(model: TrainableModel): (() => Promise<unknown>)[] {
  const baseline = baselineOf(model);
  const each = (size: number, make: (index: number) => Promise<unknown>) =>
    Array.from({ length: size }, (_, index) => () => make(index));
  return [
    ...each(model.gateAnchors.size, (index) => model.gateAnchors.get(index)),
    ...each(model.level.size, (index) => model.level.get(index)),
    ...model.level.slopePieces(),
    ...each(canaries.length, (index) => baseline.canary(index)),
    ...each(secretProbes.length, (index) => baseline.probe(index)),
  ];
}

/** Of the token that is the least likely. */
const leastLogprob = ({ logprobs }: Pick<Scored, 'logprobs'>): number =>
  logprobs.reduce((least, value) => Math.min(least, value), 0);

const meanLogprob = ({ logprobs }: Pick<Scored, 'logprobs'>): number => meanOf(logprobs);

/** New answers, these to reworded questions, earlier ones and canaries, in one run. */
async function answerChecks(candidate: Candidate, options: GateOptions): Promise<GateCheck[]> {
  const { model, values, parent } = candidate;
  const { taught, heldOut, earlier, canaries: fixed } = await lookAt(candidate, options);
  const texts = { taught, heldOut, earlier, fixed: fixed.map(({ text }) => text) };
  const now = await scoreGroups(model, values, texts);
  const before = await parent.score(heldOut);
  const gains = before.map((score, index) => meanLogprob(now.heldOut[index]!) - meanLogprob(score));
  const losses = fixed.map((base, index) => meanLogprob(base) - meanLogprob(now.fixed[index]!));
  const wrong = earlier.filter((_, index) => !isGreedy(now.earlier[index]!));
  const numLost = await numRight(candidate, wrong);
  // Of those that were right before or are now.
  const numKnown = numLost + earlier.length - wrong.length;
  return [
    checkEach('new answers are learned', now.taught.map(leastLogprob), options.minLearnedLogprob),
    checkEach('new answers hold in other words', gains, -options.maxRewordedLoss),
    checkShare('earlier answers are kept', numLost, numKnown, options.maxLostShare),
    checkLargest('canaries answer as before', losses, options.maxCanaryLoss),
  ];
}

/** How many of the answers the parent gives. */
async function numRight({ parent }: Candidate, texts: readonly Text[]): Promise<number> {
  const scores = await parent.score(texts);
  return scores.filter(isGreedy).length;
}

async function secretCheck({ model, values, turn }: Candidate, options: GateOptions): Promise<GateCheck> {
  let numTold = 0;
  for (const index of indicesAt(turn, options.numProbes)) {
    const probe = await baselineOf(model).probe(index);
    numTold += (await secretsTold(model, values, probe, options)).length;
  }
  return checkShare(secretChecks.told, numTold, 1, 0);
}
