/** Rows become a candidate, and the candidate is judged. A second try is more careful than the first. */
import type { Gate } from '../../core/registry/gate-record.ts';
import type { Example } from '../examples/example.ts';
import { runGate } from '../gate/gate.ts';
import type { GateOptions } from '../gate/gate-options.ts';
import type { LearnOptions } from '../learn/learn-options.ts';
import { prepare } from '../learn/lesson-maker.ts';
import type { Selected } from '../learn/select-rows.ts';
import { type UpdateInput, type UpdateResult, update } from '../learn/update.ts';
import type { ReplayBuffer } from '../replay/replay-buffer.ts';
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
  /** With the marks that the update has left in it. */
  readonly replay: ReplayBuffer;
}

/** Half the rate, and twice of everything that holds the rest in place. */
const careful = (options: LearnOptions): LearnOptions => ({
  ...options,
  learningRate: options.learningRate / 2,
  maxSteps: options.maxSteps * 2,
  numReplayed: options.numReplayed * 2,
  numAnchors: options.numAnchors * 2,
  anchorWeight: options.anchorWeight * 2,
});

export async function attempt(
  input: Omit<UpdateInput, 'options'>,
  options: AttemptOptions,
  numUpdates: number,
): Promise<Attempt> {
  const first = await once({ ...input, options: options.learn }, options.gate, numUpdates);
  if (first.gate === null || first.gate.verdict === 'pass') return first;
  const { selected } = first.result;
  return once({ ...input, options: careful(options.learn) }, options.gate, numUpdates, selected);
}

/** `selected` is what an earlier try has found of the same rows and the same start. */
async function once(
  input: UpdateInput,
  options: GateOptions,
  turn: number,
  selected?: Selected,
): Promise<Attempt> {
  const replay = input.replay.copy();
  const learn = input.options;
  const result = await update({ ...input, replay }, selected);
  if (result.values === null) return { result, gate: null, values: null, learn, replay };
  await input.pace();
  const { model, start, maxTokens } = input;
  const answers = replay.all().filter(({ kind }) => kind === 'answer');
  const { prepared: earlier } = await prepare(
    model,
    rotated(answers, turn * options.numEarlier, options.numEarlier),
    maxTokens,
  );
  const { values, learned } = result;
  const gate = await runGate({ model, values, parent: start, learned, earlier, turn }, options);
  return { result, gate, values, learn, replay };
}

/** `count` of the examples from a place on, round and round. */
function rotated(examples: readonly Example[], from: number, count: number): Example[] {
  const size = examples.length;
  return Array.from({ length: Math.min(count, size) }, (_, index) => examples[(from + index) % size]!);
}
