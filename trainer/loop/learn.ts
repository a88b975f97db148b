/** One update of one tenant from the rows that wait to a version that is published, or to rows that are given up. */
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { failedChecks, type Gate } from '../../core/registry/gate-record.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import { publish } from '../publish/publish.ts';
import { ReplayBuffer } from '../replay/replay-buffer.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { type Attempt, type AttemptOptions, attempt } from './attempt.ts';
import { type Changed, type Decided, dropped } from './decided.ts';
import { nextRows } from './due.ts';
import { type Line, medianGradientOf, type Waiting, withGradients } from './line.ts';

export interface LearnInput {
  readonly model: TrainableModel;
  readonly tenant: string;
  readonly line: Line;
  /** Values of the line's head; null for the base. */
  readonly start: Parameters | null;
  readonly options: AttemptOptions;
  readonly replay: { readonly maxExamples: number; readonly maxPerAccount: number };
  readonly maxTokens: number;
  /** Folder of adapter versions. */
  readonly adapters: string;
  readonly pace: () => Promise<void>;
  readonly now: () => Date;
}

export interface LearnOutcome extends Changed {
  /** What is on disk now; null when nothing passed. */
  readonly version: AdapterManifest | null;
  readonly values: Parameters | null;
  readonly gate: Gate | null;
  /** Every refusal of the tries, see Attempt. */
  readonly refused: readonly Gate[];
  /** Loss of the new rows, step by step. */
  readonly losses: readonly number[];
  readonly rows: readonly string[];
}

/** A row that the gate has refused alone is given up. */
const maxRefusals = 1;

export async function learn(input: LearnInput): Promise<LearnOutcome> {
  const { model, line, start, options, maxTokens, pace } = input;
  const rows = nextRows(line.waiting, options.learn);
  const made = await attempt(
    {
      model,
      start,
      rows: rows.map(({ example }) => example),
      replay: new ReplayBuffer(input.replay, line.replay),
      seed: line.numUpdates + 1,
      turn: line.turn,
      maxTokens,
      medianGradient: medianGradientOf(line),
      pace,
    },
    options,
    line.numUpdates,
  );
  const passed = made.gate?.verdict === 'pass' ? made.values : null;
  const version = passed === null ? null : await publishCandidate(input, made, passed);
  const { result } = made;
  const ended: Decided[] = result.dropped.map(({ id, reason }) => dropped(id, reason));
  const rest = rows.filter(({ example }) => !ended.some(({ id }) => id === example.id));
  const { again, fates } = version === null ? refused(rest, made.gate) : learned(rest, version);
  const turn = line.turn + result.numSteps;
  if (version !== null) for (const { example } of result.learned) made.replay.add(example, turn);
  const taken = new Set(rows.map(({ example }) => example.id));
  return {
    line: {
      ...line,
      waiting: [...line.waiting.filter(({ example }) => !taken.has(example.id)), ...again],
      replay: version === null ? line.replay : made.replay.state(),
      gradients: withGradients(line, result.gradients),
      turn,
      numUpdates: line.numUpdates + 1,
      head: version?.id ?? line.head,
    },
    fates: [...ended, ...fates],
    version,
    values: passed,
    gate: made.gate,
    refused: made.refused,
    losses: result.losses,
    rows: rows.map(({ example }) => example.id),
  };
}

async function publishCandidate(
  { model, tenant, line, adapters, now }: LearnInput,
  { result, gate, share, learn: { learningRate } }: Attempt,
  values: Parameters,
): Promise<AdapterManifest> {
  return publish({
    model,
    values,
    folder: adapters,
    now: now(),
    lineage: {
      tenant,
      parent: line.head,
      rows: result.learned.map(({ example }) => example.id),
      recipe: {
        kind: 'feedback',
        steps: result.numSteps,
        learningRate,
        share,
        seed: line.numUpdates + 1,
        firstLoss: result.losses[0] ?? null,
        lastLoss: result.losses.at(-1) ?? null,
      },
      gate,
    },
  });
}

function learned(rows: readonly Waiting[], { id }: AdapterManifest) {
  const fates = rows.map(({ example }) => ({
    id: example.id,
    state: { kind: 'trained' as const, version: id },
  }));
  return { again: [], fates };
}

/** Rows that were refused together are tried one by one. */
function refused(rows: readonly Waiting[], gate: Gate | null) {
  const failed = gate === null ? [] : failedChecks(gate);
  const reason = `the gate refused what was learned from it: not passed: ${failed.join('; ')}`;
  const isGivenUp = ({ refusals }: Waiting): boolean => rows.length === 1 || refusals >= maxRefusals;
  return {
    again: rows.filter((row) => !isGivenUp(row)).map((row) => ({ ...row, refusals: row.refusals + 1 })),
    fates: rows.filter(isGivenUp).map(({ example }) => dropped(example.id, reason)),
  };
}
