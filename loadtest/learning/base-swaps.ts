/**
 * Two base versions that take turns while clients stream: each move starts a second engine beside the first. Nothing
 * fails, and every answer is that of one version alone, token for token.
 */
import { median } from '../median.ts';
import { type Deadline, pause, until } from '../wait.ts';
import { errorsOf, type StreamedChat, withChatLoad } from './chat-load.ts';
import { type Base, basesOf, chat, consolidate, type Endpoint, moveBase, operate } from './endpoint.ts';
import { inventFacts } from './invented-facts.ts';
import { count, type Figure, type Finding, type Lab } from './measure.ts';
import { growthOf, watchMemory } from './memory-watch.ts';
import { targets } from './targets.ts';
import { settle, teach, warmUp } from './teach.ts';
import { allUnrelated } from './unrelated-prompts.ts';

export interface BaseSwapOptions {
  readonly numMoves: number;
  /** Between the end of a move and the next one. */
  readonly restMs: number;
}

const defaults: BaseSwapOptions = { numMoves: 20, restMs: 1_000 };
const [maxWarmUpMs, maxLessonMs, maxMakingMs, lookEveryMs] = [180_000, 90_000, 600_000, 500];
const [seed, maxTokens, numClients, numExamples] = [6_200, 64, 4, 8];

/** What one version says, by prompt. */
type Texts = ReadonlyMap<string, string>;

export async function measureBaseSwaps(lab: Lab, options: Partial<BaseSwapOptions> = {}): Promise<Finding> {
  const { numMoves, restMs } = { ...defaults, ...options };
  const server = await lab.start(null);
  const { endpoint } = server;
  const [fact] = inventFacts(1, seed);
  await warmUp(endpoint, lab.deadline.left(maxWarmUpMs));
  await settle(endpoint, (await teach(endpoint, fact!)).row, maxLessonMs);
  const bases = await makeTwo(endpoint, lab.deadline);
  // A version that is published later has no texts to be held to.
  await operate(endpoint, 'pause');
  lab.say('  a second base version is made');
  const prompts = [fact!.question, ...allUnrelated.filter((_, index) => index % 12 === 0)];
  const known = await textsOf(endpoint, bases, prompts);
  const memory = watchMemory(server);
  const load = { numClients, prompts, maxTokens, memory: 'off', seed: 17 } as const;
  const { value: tookMs, chats } = await withChatLoad(endpoint, load, async () => {
    const moves: number[] = [];
    while (moves.length < numMoves && !lab.deadline.isOver) {
      const startMs = performance.now();
      await moveBase(endpoint, bases[moves.length % 2]!);
      moves.push(performance.now() - startMs);
      await pause(restMs);
    }
    return moves;
  }).finally(() => memory.stop());
  const run = { chats, known, tookMs, growth: growthOf(memory.samples) };
  const errors = errorsOf(chats);
  const unlike = chats
    .filter((each) => each.ok && expectedOf(each, known) !== each.text)
    .slice(0, numExamples)
    .map((each) => ({ ...pickOf(each), alone: expectedOf(each, known) ?? null }));
  return {
    figures: figuresOf(run),
    drawings: [],
    raw: { bases, versions: [...known.keys()], tookMs, errors, chats: chats.length, unlike },
  };
}

/** The base that was imported, and one with what was learned in its weights; the latter is served. */
async function makeTwo(endpoint: Endpoint, deadline: Deadline): Promise<readonly [string, string]> {
  await consolidate(endpoint);
  const made = (bases: readonly Base[]): Base | undefined =>
    bases.find(({ isImported, isServed }) => isServed && !isImported);
  const second = await until(async () => made(await basesOf(endpoint)) ?? null, {
    everyMs: lookEveryMs,
    maxMs: deadline.left(maxMakingMs),
  });
  const first = (await basesOf(endpoint)).find(({ isImported }) => isImported);
  if (second === null || first === undefined) throw new Error('no second base version was made');
  return [first.id, second.id];
}

/** By the fingerprint that answers name. */
async function textsOf(
  endpoint: Endpoint,
  bases: readonly string[],
  prompts: readonly string[],
): Promise<ReadonlyMap<string, Texts>> {
  const known = new Map<string, Texts>();
  for (const base of bases) {
    await moveBase(endpoint, base);
    const texts = new Map<string, string>();
    let fingerprint = '';
    for (const text of prompts) {
      const answer = await chat(endpoint, { text, maxTokens, memory: 'off' });
      texts.set(text, answer.text);
      ({ fingerprint } = answer);
    }
    known.set(fingerprint, texts);
  }
  return known;
}

const expectedOf = (
  { fingerprints, prompt }: StreamedChat,
  known: ReadonlyMap<string, Texts>,
): string | undefined => known.get(fingerprints[0] ?? '')?.get(prompt);

const pickOf = ({ prompt, fingerprints, text }: StreamedChat) => ({ prompt, fingerprints, text });

function figuresOf(run: {
  readonly chats: readonly StreamedChat[];
  readonly known: ReadonlyMap<string, Texts>;
  readonly tookMs: readonly number[];
  readonly growth: number | null;
}): Figure[] {
  const { chats, known, tookMs, growth } = run;
  const good = chats.filter(({ ok }) => ok);
  const telling = new Set([...known.values()].map((texts) => JSON.stringify([...texts])));
  const time = (name: string, value: number | null): Figure => ({ name, value, unit: 'ms', bound: null });
  return [
    count('moves', tookMs.length, null),
    count('versions that say different things', telling.size, { least: 2 }),
    count('answers', chats.length, { least: 1 }),
    count('answers that failed', chats.length - good.length, { most: 0 }),
    count(
      'answers that name two versions',
      good.filter(({ fingerprints }) => fingerprints.length !== 1).length,
      { most: 0 },
    ),
    count(
      'answers that differ from their version alone',
      good.filter((each) => expectedOf(each, known) !== each.text).length,
      { most: 0 },
    ),
    time('from the request to the move, median', median(tookMs)),
    time('from the request to the move, longest', tookMs.length === 0 ? null : Math.max(...tookMs)),
    {
      name: 'growth of resident memory',
      value: growth,
      unit: 'share',
      bound: { most: targets.memoryGrowth },
    },
  ];
}
