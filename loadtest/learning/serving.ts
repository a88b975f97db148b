/** What streams feel of the trainer: rounds in which it learns without a break, between rounds in which it is paused. */

import { median as middleOf } from '../median.ts';
import { Deadline, inParallel, pause, until } from '../wait.ts';
import { withChatLoad } from './chat-load.ts';
import { chat, correct, type Endpoint, fateOf, isSettled, operate, trainingOf } from './endpoint.ts';
import { inventFacts } from './invented-facts.ts';
import type { Figure, Finding, Lab } from './measure.ts';
import { type Felt, feltIn } from './streams-report.ts';
import { targets } from './targets.ts';
import { warmUp } from './teach.ts';

export interface ServingOptions {
  readonly numRounds: number;
  readonly roundMs: number;
  /** Without a train step, before learning counts as paused: an update that was under way goes on to its end. */
  readonly settleMs: number;
  /** Corrections that wait to be learned while the trainer is to be busy. */
  readonly numWaiting: number;
}

interface Round {
  readonly state: 'training' | 'paused';
  readonly fromMs: number;
  readonly toMs: number;
  /** Corrections that were learned, or dropped, in it. */
  readonly numSettled: number;
  /** Share of it in which train steps were run; null where the server does not say. */
  readonly trainingShare: number | null;
}

type FeltRound = Round & { readonly felt: Felt };

const defaults: ServingOptions = { numRounds: 4, roundMs: 20_000, settleMs: 2_000, numWaiting: 6 };
const [maxWarmUpMs, maxUpdateMs, seed, numPrepared, lookEveryMs] = [180_000, 180_000, 8_100, 160, 500];
/** Every stream goes on to the same length, so that all rounds have the same work. */
const evenly = { memory: 'off', ends: 'at the limit' } as const;

export async function measureServing(lab: Lab, options: Partial<ServingOptions> = {}): Promise<Finding> {
  const all = { ...defaults, ...options };
  const { endpoint } = await lab.start(null);
  await warmUp(endpoint, lab.deadline.left(maxWarmUpMs));
  const corrections = await Corrections.prepare(endpoint);
  const { value: rounds, chats } = await withChatLoad(
    endpoint,
    { ...lab.background, ...evenly },
    async () => {
      const run: Round[] = [];
      for (let index = 0; index < 2 * all.numRounds && !lab.deadline.isOver; index++) {
        const round = await runRound(endpoint, index % 2 === 0 ? 'paused' : 'training', corrections, all);
        lab.say(`  ${round.state}: ${round.numSettled} corrections settled`);
        run.push(round);
      }
      return run;
    },
  );
  const felt = rounds.map((round) => ({ ...round, felt: feltIn(chats, [[round.fromMs, round.toMs]]) }));
  return { figures: figuresOf(felt), drawings: [], raw: { rounds: felt } };
}

async function runRound(
  endpoint: Endpoint,
  state: Round['state'],
  corrections: Corrections,
  { roundMs, settleMs, numWaiting }: ServingOptions,
): Promise<Round> {
  await operate(endpoint, state === 'paused' ? 'pause' : 'resume');
  if (state === 'training') await corrections.keepWaiting(numWaiting);
  else await untilRests(endpoint, settleMs);
  const before = corrections.numSettled;
  const trainedBefore = await trainingOf(endpoint);
  const fromMs = performance.now();
  for (const round = new Deadline(roundMs); !round.isOver; ) {
    await pause(round.left(lookEveryMs));
    if (state === 'training') await corrections.keepWaiting(numWaiting);
  }
  const toMs = performance.now();
  const trained = await trainingOf(endpoint);
  const trainingShare =
    trained === null || trainedBefore === null
      ? null
      : (1_000 * (trained.seconds - trainedBefore.seconds)) / (toMs - fromMs);
  return { state, fromMs, toMs, numSettled: corrections.numSettled - before, trainingShare };
}

/** Throws when the update that was under way does not come to its end. */
async function untilRests(endpoint: Endpoint, restMs: number): Promise<void> {
  const rests = async (): Promise<true | null> => {
    const before = await trainingOf(endpoint);
    await pause(restMs);
    const after = await trainingOf(endpoint);
    if (before === null || after === null) return true;
    return before.isTraining || after.isTraining || before.seconds !== after.seconds ? null : true;
  };
  if ((await until(rests, { everyMs: lookEveryMs, maxMs: maxUpdateMs })) === null)
    throw new Error(`an update was still under way ${maxUpdateMs} ms after learning was paused`);
}

/** Answers that are yet to be corrected, and corrections that are yet to be learned. */
class Corrections {
  numSettled = 0;
  private readonly waiting = new Set<string>();
  private readonly endpoint: Endpoint;
  private readonly prepared: { readonly id: string; readonly answer: string }[];

  private constructor(endpoint: Endpoint, prepared: Corrections['prepared']) {
    this.endpoint = endpoint;
    this.prepared = prepared;
  }

  /** Asks beforehand, so that a round holds no requests but its streams and the corrections. */
  static async prepare(endpoint: Endpoint): Promise<Corrections> {
    const prepared = await inParallel(inventFacts(numPrepared, seed), 4, async ({ question, answer }) => {
      const { id } = await chat(endpoint, { text: question, maxTokens: 8, memory: 'off' });
      return { id, answer };
    });
    return new Corrections(endpoint, prepared);
  }

  async keepWaiting(count: number): Promise<void> {
    for (const row of [...this.waiting]) {
      if (!isSettled(await fateOf(this.endpoint, row))) continue;
      this.waiting.delete(row);
      this.numSettled += 1;
    }
    while (this.waiting.size < count) {
      const next = this.prepared.pop();
      if (next === undefined) return;
      this.waiting.add(await correct(this.endpoint, next.id, next.answer));
    }
  }
}

function figuresOf(rounds: readonly FeltRound[]): Figure[] {
  const median = (state: Round['state'], value: (felt: Felt) => number): number | null =>
    middleOf(rounds.filter((round) => round.state === state).map(({ felt }) => value(felt)));
  const ratio = (value: (felt: Felt) => number): number | null => {
    const [training, paused] = [median('training', value), median('paused', value)];
    return training === null || paused === null || paused === 0 ? null : training / paused;
  };
  const [p99, speed, ttft] = [
    ({ interTokenP99Ms }: Felt) => interTokenP99Ms,
    ({ tokensPerSecond }: Felt) => tokensPerSecond,
    ({ ttftP95Ms }: Felt) => ttftP95Ms,
  ];
  const settled = rounds
    .filter(({ state }) => state === 'training')
    .reduce((sum, round) => sum + round.numSettled, 0);
  const shareOf = (state: Round['state']): number | null =>
    middleOf(rounds.flatMap((round) => (round.state === state ? (round.trainingShare ?? []) : [])));
  const failed = rounds.reduce((sum, { felt }) => sum + felt.numFailed, 0);
  return [
    { name: 'inter-token p99, paused', value: median('paused', p99), unit: 'ms', bound: null },
    { name: 'inter-token p99, training', value: median('training', p99), unit: 'ms', bound: null },
    {
      name: 'inter-token p99, ratio',
      value: ratio(p99),
      unit: 'ratio',
      bound: { most: targets.interTokenP99Ratio },
    },
    { name: 'speed, paused', value: median('paused', speed), unit: 'tokens/s', bound: null },
    { name: 'speed, training', value: median('training', speed), unit: 'tokens/s', bound: null },
    { name: 'speed, ratio', value: ratio(speed), unit: 'ratio', bound: { least: targets.throughputRatio } },
    { name: 'first token p95, ratio', value: ratio(ttft), unit: 'ratio', bound: null },
    { name: 'time with train steps, paused', value: shareOf('paused'), unit: 'share', bound: null },
    { name: 'time with train steps, training', value: shareOf('training'), unit: 'share', bound: null },
    { name: 'corrections settled while training', value: settled, unit: 'count', bound: { least: 1 } },
    { name: 'streams that failed', value: failed, unit: 'count', bound: { most: 0 } },
  ];
}
