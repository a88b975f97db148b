/**
 * What a consolidated base version has to hold before it is published, as a function of what was measured: it says what
 * the version that is served today says, with its adapter, and all that it was made of has not led too far away from the
 * version that was once imported.
 */

import type { Gate, GateCheck } from '../../core/registry/gate-record.ts';
import { checkFact, checkMean, checkShare, gateOf } from '../gate/checks.ts';
import { isGreedy, meanOf } from '../train/scored.ts';
import type { PerKind } from './gate-texts.ts';
import type { Scores } from './score-texts.ts';

export interface BaseGateOptions {
  /** Perplexity of the passages over that of the served version with its adapter, as a share: 0.01 is one per cent. */
  readonly maxDrift: number;
  /** The same over the version that was imported. */
  readonly maxDriftInAll: number;
  /** Of the taught answers that were right: the share that may be lost. */
  readonly maxLostShare: number;
  /** Mean log p that a taught answer, and a canary's, may lose, nats a token. */
  readonly maxTaughtLoss: number;
  readonly maxCanaryLoss: number;
  /** Longest text; examples that are looked at. */
  readonly maxTokens: number;
  readonly maxExamples: number;
}

export const baseGateDefaults: BaseGateOptions = {
  maxDrift: 0.01,
  maxDriftInAll: 0.1,
  maxLostShare: 0.1,
  maxTaughtLoss: 0.1,
  maxCanaryLoss: 0.3,
  maxTokens: 512,
  maxExamples: 200,
};

export interface BaseMeasurements {
  /** The new version, as it would be served. */
  readonly now: PerKind<Scores>;
  /** What is served: the version before, with the adapters that were merged. */
  readonly before: PerKind<Scores>;
  /** Passages under the version that was imported; null where that is no longer there. */
  readonly imported: readonly Scores[] | null;
}

export function judgeBase({ now, before, imported }: BaseMeasurements, options: BaseGateOptions): Gate {
  const isSound = [...now.passages, ...now.canaries, ...now.taught.flat()].every(({ logprobs }) =>
    logprobs.every(Number.isFinite),
  );
  if (!isSound) return gateOf([checkFact('finite', false)]);
  const { maxDrift, maxDriftInAll, maxCanaryLoss } = options;
  const drift = (from: readonly Scores[]): number[] => lossesByToken(from, now.passages);
  const overImported = imported === null ? [] : drift(imported);
  return gateOf([
    checkFact('finite', true),
    checkMean('perplexity over the served version', drift(before.passages), Math.log1p(maxDrift)),
    ...meanOfSome('perplexity over the imported version', overImported, Math.log1p(maxDriftInAll)),
    ...taughtChecks(before.taught, now.taught, options),
    ...meanOfSome('canaries answer as before', lossesByText(before.canaries, now.canaries), maxCanaryLoss),
  ]);
}

/** There is no mean of nothing, and nothing to refuse. */
const meanOfSome = (name: string, values: readonly number[], bound: number): GateCheck[] =>
  values.length === 0 ? [] : [checkMean(name, values, bound)];

function taughtChecks(
  before: PerKind<Scores>['taught'],
  now: PerKind<Scores>['taught'],
  { maxLostShare, maxTaughtLoss }: BaseGateOptions,
): GateCheck[] {
  const wereRight = before.map(isRight);
  const numRight = wereRight.filter(Boolean).length;
  const numLost = now.filter((scores, index) => wereRight[index] && !isRight(scores)).length;
  const wanted = (scores: readonly Scores[]): Scores => scores[0]!;
  const losses = lossesByText(before.map(wanted), now.map(wanted));
  return [
    checkShare('taught answers are kept', numLost, numRight, maxLostShare),
    ...meanOfSome('taught answers are as likely', losses, maxTaughtLoss),
  ];
}

/** An answer is right when greedy decoding gives it, a pair when its chosen answer is the likelier one. */
function isRight([wanted, rejected]: readonly Scores[]): boolean {
  if (rejected !== undefined) return meanOf(wanted!.logprobs) > meanOf(rejected.logprobs);
  return isGreedy(wanted!);
}

function lossesByText(before: readonly Scores[], now: readonly Scores[]): number[] {
  return before.map(({ logprobs }, text) => meanOf(logprobs) - meanOf(now[text]!.logprobs));
}

function lossesByToken(before: readonly Scores[], now: readonly Scores[]): number[] {
  return before.flatMap(({ logprobs }, text) =>
    Array.from(logprobs, (value, token) => value - now[text]!.logprobs[token]!),
  );
}
