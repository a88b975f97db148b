/** Rows become a candidate, and the candidate is judged. What is refused is tried with more care. */
import type { Gate } from '../../core/registry/gate-record.ts';
import type { Example } from '../examples/example.ts';
import { isForSecret, runGate } from '../gate/gate.ts';
import type { GateOptions } from '../gate/gate-options.ts';
import { Parent } from '../gate/parent.ts';
import type { LearnOptions } from '../learn/learn-options.ts';
import { prepare } from '../learn/lesson-maker.ts';
import { level } from '../learn/level.ts';
import type { Selected } from '../learn/select-rows.ts';
import { type UpdateInput, type UpdateResult, update } from '../learn/update.ts';
import type { ReplayBuffer } from '../replay/replay-buffer.ts';
import { average, copyOf } from '../train/ema.ts';
import type { Parameters } from '../train/gradient-session.ts';

export interface AttemptOptions {
  readonly learn: LearnOptions;
  readonly gate: GateOptions;
}

export interface Attempt {
  readonly result: UpdateResult;
  /** Null when there was nothing to judge. */
  readonly gate: Gate | null;
  readonly values: Parameters | null;
  /** How it was learned. */
  readonly learn: LearnOptions;
  /** Of what was learned, the share of the way from the start that `values` went. */
  readonly share: number;
  /** With the marks that the update has left in it. */
  readonly replay: ReplayBuffer;
  /** Every refusal; where nothing passed, the last try's own is among them. */
  readonly refused: readonly Gate[];
}

type Tried = Omit<Attempt, 'refused'>;

/** Half the rate, and twice of everything that holds the rest in place. */
const careful = (options: LearnOptions): LearnOptions => ({
  ...options,
  learningRate: options.learningRate / 2,
  maxSteps: options.maxSteps * 2,
  numReplayed: options.numReplayed * 2,
  numAnchors: options.numAnchors * 2,
  anchorWeight: options.anchorWeight * 2,
});

/** What all tries of one attempt are held to. */
interface Judging {
  readonly parent: Parent;
  readonly options: GateOptions;
  readonly turn: number;
}

/**
 * What went too far is tried part of the way, which costs no step (between two models of one origin, Wortsman et al. 2022);
 * then all is learned again with more care. What is refused for a secret is not tried again.
 */
export async function attempt(
  input: Omit<UpdateInput, 'options'>,
  { learn, gate }: AttemptOptions,
  numUpdates: number,
): Promise<Attempt> {
  const judging = { parent: new Parent(input.model, input.start), options: gate, turn: numUpdates };
  const refused: Gate[] = [];
  const isLast = (tried: Tried): boolean => {
    if (tried.gate === null || tried.gate.verdict === 'pass') return true;
    refused.push(tried.gate);
    return isForSecret(tried.gate);
  };
  let last: Tried | null = null;
  for (const options of [learn, careful(learn)]) {
    last = await once({ ...input, options }, judging, last?.result.selected);
    if (isLast(last)) return { ...last, refused };
    for (const share of options.partWay) {
      const partly = await partWay(input, last, judging, share);
      if (isLast(partly)) return { ...partly, refused };
    }
  }
  return { ...last!, refused };
}

/** `selected` is what an earlier try has found of the same rows and the same start. */
async function once(input: UpdateInput, judging: Judging, selected?: Selected): Promise<Tried> {
  const replay = input.replay.copy();
  const result = await update({ ...input, replay }, selected);
  const tried = { result, gate: null, values: result.values, learn: input.options, share: 1, replay };
  if (result.values === null) return tried;
  const unlevelled = { values: result.values, parent: input.start, turn: judging.turn };
  const values = await level(input.model, unlevelled, input.options.level, input.pace);
  return judged(input, { ...tried, values }, judging);
}

async function partWay(
  input: Omit<UpdateInput, 'options'>,
  tried: Tried,
  judging: Judging,
  share: number,
): Promise<Tried> {
  const { model, start } = input;
  const values = copyOf(start ?? model.fresh);
  average(values, tried.values!, 1 - share);
  return judged(input, { ...tried, values, share }, judging);
}

async function judged(
  { model, maxTokens, pace }: Omit<UpdateInput, 'options'>,
  tried: Tried,
  { parent, options, turn }: Judging,
): Promise<Tried> {
  await pace();
  const answers = tried.replay.all().filter(({ kind }) => kind === 'answer');
  const looked = rotated(answers, turn * options.numEarlier, options.numEarlier);
  const { prepared: earlier } = await prepare(model, looked, maxTokens);
  const { learned } = tried.result;
  const candidate = { model, values: tried.values!, parent, learned, earlier, turn };
  return { ...tried, gate: await runGate(candidate, options) };
}

/** `count` of the examples from a place on, round and round. */
function rotated(examples: readonly Example[], from: number, count: number): Example[] {
  const size = examples.length;
  return Array.from({ length: Math.min(count, size) }, (_, index) => examples[(from + index) % size]!);
}
