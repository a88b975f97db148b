/**
 * What a candidate has to pass before it is published: it is sound, has learned what it was taught, has lost nothing of
 * what was taught before, and says everything else as it did. Measured on texts that it was not trained on; which of them
 * are looked at rotates.
 */
import { misfitOf } from '../../core/adapter/adapter.ts';
import { redact } from '../../core/privacy/redact.ts';
import type { Gate, GateCheck } from '../../core/registry/adapter-manifest.ts';
import { logitsAt } from '../anchors/anchor-set.ts';
import { canaries } from '../anchors/anchor-texts.ts';
import { answerOf } from '../examples/example.ts';
import type { Prepared } from '../learn/lesson-maker.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { Scored } from '../train/forward-session.ts';
import type { Parameters } from '../train/gradient-session.ts';
import type { Text } from '../train/lesson.ts';
import { checkEach, checkFact, checkMean, checkShare, gateOf } from './checks.ts';
import { divergences } from './divergence.ts';
import type { GateOptions } from './gate-options.ts';

export interface Candidate {
  readonly model: TrainableModel;
  readonly values: Parameters;
  /** What it was built on; null is the base. */
  readonly parent: Parameters | null;
  readonly learned: readonly Prepared[];
  /** Answers taught before, some of them. */
  readonly earlier: readonly Prepared[];
  /** Counts gates; decides which passages and canaries are looked at. */
  readonly turn: number;
}

export async function runGate(candidate: Candidate, options: GateOptions): Promise<Gate> {
  const { model, values } = candidate;
  const misfit = misfitOf({ shape: model.shape, values }, model.base.config);
  const sound = checkFact('finite', misfit === null);
  if (misfit !== null) return gateOf([sound]);
  const checks = [
    sound,
    noSecrets(candidate),
    ...(await answers(candidate, options)),
    ...(await passages(candidate, options)),
  ];
  return gateOf(checks);
}

/** Texts were redacted before they were stored; this looks once more. */
function noSecrets({ learned }: Candidate): GateCheck {
  return checkFact(
    'no personal data or secrets',
    learned.every(({ example }) => redact(answerOf(example)).found.length === 0),
  );
}

const meanLogprob = ({ logprobs }: Scored): number =>
  logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
const isGreedy = ({ logprobs, best }: Scored): boolean =>
  logprobs.every((value, index) => value >= best[index]! - 1e-5);

/** New answers, earlier ones and canaries, in one run. */
async function answers(candidate: Candidate, options: GateOptions): Promise<GateCheck[]> {
  const { model, values, parent, learned, earlier, turn } = candidate;
  const taught = learned.filter(({ example }) => example.kind === 'answer').map(({ texts }) => texts[0]!);
  const before = earlier.slice(0, options.numEarlier).map(({ texts }) => texts[0]!);
  const fixed = await canaryTexts(model, turn, options.numCanaries);
  const scores = await model.forward.score(values, [...taught, ...before, ...fixed]);
  const ofTaught = scores.slice(0, taught.length).map(meanLogprob);
  const ofBefore = scores.slice(taught.length, taught.length + before.length);
  const lost = before.filter((_, index) => !isGreedy(ofBefore[index]!));
  const reallyLost = await numRight(model, parent, lost);
  const canaryLosses = await lossesOf(model, fixed, scores.slice(taught.length + before.length));
  return [
    checkEach('new answers are learned', ofTaught, options.minLearnedLogprob),
    checkShare('earlier answers are kept', reallyLost, before.length, options.maxLostShare),
    checkMean('canaries answer as before', canaryLosses, options.maxCanaryLoss),
  ];
}

/** Of texts that the candidate gets wrong: how many the parent got right. */
async function numRight(
  model: TrainableModel,
  parent: Parameters | null,
  texts: readonly Text[],
): Promise<number> {
  const scores = await model.forward.score(parent ?? model.zeros, texts);
  return scores.filter(isGreedy).length;
}

async function canaryTexts(model: TrainableModel, turn: number, count: number): Promise<readonly Text[]> {
  const chosen = Array.from(
    { length: count },
    (_, index) => canaries[(turn * count + index) % canaries.length]!,
  );
  const texts = chosen.map(({ question, answer }) =>
    model.encoder.encode({ kind: 'chat', messages: [{ role: 'user', content: question }] }, answer),
  );
  return model.trunk.prepare(texts);
}

/** What each text's mean log probability has lost against the base. */
async function lossesOf(
  model: TrainableModel,
  texts: readonly Text[],
  now: readonly Scored[],
): Promise<number[]> {
  const base = await model.forward.score(model.zeros, texts);
  return base.map((score, index) => meanLogprob(score) - meanLogprob(now[index]!));
}

/** Perplexity and divergence on passages that have nothing to do with feedback. */
async function passages(candidate: Candidate, options: GateOptions): Promise<GateCheck[]> {
  const { model, values, parent, turn } = candidate;
  const indices = Array.from(
    { length: options.numPassages },
    (_, index) => turn * options.numPassages + index,
  );
  const anchors = await Promise.all(indices.map((index) => model.gateAnchors.get(index)));
  const texts = anchors.map(({ text }) => text);
  const now = await model.forward.score(values, texts, { logits: 'all' });
  const before = parent === null ? anchors : await model.forward.score(parent, texts);
  const drift = (from: readonly { readonly logprobs: Float32Array }[]): number[] =>
    from.flatMap(({ logprobs }, index) =>
      [...logprobs].map((value, at) => value - now[index]!.logprobs[at]!),
    );
  const divergence = anchors.flatMap(({ text, rows, logits }, index) => {
    const places = rows.map((row) => row + 1 - text.from);
    return divergences(logits, logitsAt(now[index]!, places), model.base.config.vocabSize);
  });
  return [
    checkMean('divergence from the base', divergence, options.maxDivergence),
    checkMean('perplexity over the parent', drift(before), Math.log1p(options.maxDriftPerUpdate)),
    checkMean('perplexity over the base', drift(anchors), Math.log1p(options.maxDriftInAll)),
  ];
}
