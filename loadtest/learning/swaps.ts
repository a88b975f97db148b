/**
 * Two versions that take turns while clients stream: nothing fails, every answer is that of one version alone, token for
 * token, and the streams hardly feel it. The trainer rests meanwhile.
 */

import { type Deadline, pause } from '../wait.ts';
import { errorsOf, type StreamedChat, withChatLoad } from './chat-load.ts';
import { type Endpoint, operate } from './endpoint.ts';
import { goldensOf, isTelling, type Judged, judge } from './goldens.ts';
import { inventFacts } from './invented-facts.ts';
import { count, type Figure, type Finding, type Lab } from './measure.ts';
import { growthOf, type MemorySample, watchMemory } from './memory-watch.ts';
import { type Felt, feltIn, type Stretch } from './streams-report.ts';
import { targets } from './targets.ts';
import { settle, teach, warmUp } from './teach.ts';
import { allUnrelated } from './unrelated-prompts.ts';

export interface SwapOptions {
  readonly numSwaps: number;
  readonly swapEveryMs: number;
  /** Rounds with swaps; as many without lie between them. */
  readonly numRounds: number;
}

const defaults: SwapOptions = { numSwaps: 200, swapEveryMs: 250, numRounds: 10 };
const [maxWarmUpMs, maxLessonMs, seed, maxTokens, numClients] = [180_000, 90_000, 6_100, 64, 4];

export async function measureSwaps(lab: Lab, options: Partial<SwapOptions> = {}): Promise<Finding> {
  const server = await lab.start(null);
  const { endpoint } = server;
  const { versions, questions } = await makeTwo(endpoint, lab.deadline);
  await operate(endpoint, 'pause');
  const prompts = [...questions, ...allUnrelated.filter((_, index) => index % 12 === 0)];
  const goldens = await goldensOf(endpoint, versions, { prompts, maxTokens });
  await operate(endpoint, { promote: versions[1]! });
  const memory = watchMemory(server);
  const load = { numClients, prompts, maxTokens, memory: 'off', seed: 13 } as const;
  const { value: rounds, chats } = await withChatLoad(endpoint, load, () =>
    swapInRounds(endpoint, versions, lab, { ...defaults, ...options }),
  ).finally(() => memory.stop());
  const run = {
    chats,
    judged: judge(chats, goldens),
    judgedStill: judge(
      chats.filter((chat) => rounds.still.some((stretch) => isWithin(chat, stretch))),
      goldens,
    ),
    still: feltIn(chats, rounds.still),
    swapping: feltIn(chats, rounds.swapping),
    byRound: rounds.still.map((stretch, index) => ({
      still: feltIn(chats, [stretch]),
      swapping: feltIn(chats, [rounds.swapping[index]!]),
    })),
    residents: memory.samples,
    numSwapped: rounds.numSwapped,
    numTelling: prompts.filter((prompt) => isTelling(prompt, goldens)).length,
  };
  return {
    figures: figuresOf(run),
    drawings: [],
    raw: { ...run, versions, chats: chats.length, errors: errorsOf(chats) },
  };
}

/** Stretches without swaps and with them, by turns. */
async function swapInRounds(
  endpoint: Endpoint,
  versions: readonly string[],
  lab: Lab,
  { numSwaps, swapEveryMs, numRounds }: SwapOptions,
): Promise<{ still: Stretch[]; swapping: Stretch[]; numSwapped: number }> {
  const perRound = Math.ceil(numSwaps / numRounds);
  const [still, swapping]: [Stretch[], Stretch[]] = [[], []];
  let numSwapped = 0;
  const swap = async (): Promise<void> => {
    for (let turn = 0; turn < perRound; turn++) {
      await operate(endpoint, { promote: versions[numSwapped++ % 2]! });
      await pause(swapEveryMs);
    }
  };
  for (let round = 0; round < numRounds && !lab.deadline.isOver; round++) {
    still.push(await stretchOf(() => pause(perRound * swapEveryMs)));
    swapping.push(await stretchOf(swap));
    lab.say(`  ${numSwapped} swaps`);
  }
  return { still, swapping, numSwapped };
}

async function stretchOf(act: () => Promise<void>): Promise<Stretch> {
  const fromMs = performance.now();
  await act();
  return [fromMs, performance.now()];
}

/** Nothing was swapped from its first moment to its last. */
const isWithin = ({ startMs, endMs }: StreamedChat, [fromMs, toMs]: Stretch): boolean =>
  startMs >= fromMs && endMs <= toMs;

/** Two adapters, each of one more lesson, and the questions that tell them apart. */
async function makeTwo(
  endpoint: Endpoint,
  deadline: Deadline,
): Promise<{ versions: string[]; questions: string[] }> {
  await warmUp(endpoint, deadline.left(maxWarmUpMs));
  const versions: string[] = [];
  const questions: string[] = [];
  for (const fact of inventFacts(8, seed)) {
    const { row } = await teach(endpoint, fact);
    const { adapter } = await settle(endpoint, row, maxLessonMs);
    questions.push(fact.question);
    if (adapter !== null && !versions.includes(adapter)) versions.push(adapter);
    if (versions.length === 2) return { versions, questions };
  }
  throw new Error('eight lessons did not give two versions');
}

function figuresOf(run: {
  readonly chats: readonly StreamedChat[];
  readonly judged: Judged;
  readonly judgedStill: Judged;
  readonly still: Felt;
  readonly swapping: Felt;
  readonly residents: readonly MemorySample[];
  readonly numSwapped: number;
  readonly numTelling: number;
}): Figure[] {
  const [without, within] = [run.still.interTokenP99Ms, run.swapping.interTokenP99Ms];
  return [
    count('swaps', run.numSwapped, null),
    count('answers', run.chats.length, null),
    count('prompts that tell the versions apart', run.numTelling, { least: 1 }),
    count('answers that failed', run.chats.filter(({ ok }) => !ok).length, { most: 0 }),
    count('answers that name two versions', run.judged.numMixed, { most: 0 }),
    count('answers that no version gives, alone or beside others', run.judged.numUnknown, { most: 0 }),
    count('answers that differ from their version alone', run.judged.numUnlikeAlone, { most: 0 }),
    count('of these, while nothing was swapped', run.judgedStill.numUnlikeAlone, null),
    count('answers while nothing was swapped', run.judgedStill.numJudged, null),
    { name: 'inter-token p99 without swaps', value: without, unit: 'ms', bound: null },
    {
      name: 'inter-token p99 added by swaps',
      value: within - without,
      unit: 'ms',
      bound: { most: targets.swapAddedP99Ms },
    },
    {
      name: 'growth of resident memory',
      value: growthOf(run.residents),
      unit: 'share',
      bound: { most: targets.memoryGrowth },
    },
  ];
}
