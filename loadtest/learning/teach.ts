/** Teaching as a user does it: ask, correct the answer, and see what becomes of the correction. */

import { Deadline, pause, until } from '../wait.ts';
import { type Answer, chat, correct, type Endpoint, type Fate, fateOf, isSettled } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import { inventFacts } from './invented-facts.ts';

export interface Lesson {
  readonly fact: Fact;
  /** What was answered before. */
  readonly before: Answer;
  readonly wasRight: boolean;
  /** Id of the row of feedback. */
  readonly row: string;
  /** When the correction was sent, on the monotonic clock, and how long its durable receipt took. */
  readonly postedMs: number;
  readonly acceptedMs: number;
}

export async function teach(endpoint: Endpoint, fact: Fact): Promise<Lesson> {
  const before = await chat(endpoint, { text: fact.question });
  const postedMs = performance.now();
  const row = await correct(endpoint, before.id, fact.answer);
  const acceptedMs = performance.now() - postedMs;
  return { fact, before, wasRight: isRight(fact, before.text), row, postedMs, acceptedMs };
}

/** Until the row was trained on or dropped; its last state when that takes too long. */
export async function settle(endpoint: Endpoint, row: string, maxMs: number): Promise<Fate> {
  const isFinal = async (): Promise<Fate | null> => {
    const fate = await fateOf(endpoint, row);
    return isSettled(fate) ? fate : null;
  };
  return (await until(isFinal, { everyMs: 50, maxMs })) ?? (await fateOf(endpoint, row));
}

/** "trained", or "dropped: the gate …". */
export const told = ({ state, reason }: Fate): string => (reason === null ? state : `${state}: ${reason}`);

const [roundMs, rowsPerRound, stallMs] = [250, 32, 120_000];

/**
 * Until all rows were trained on or dropped; their last states, in the order of the rows, when that takes too long or when
 * none has changed for two minutes.
 */
export async function settleAll(endpoint: Endpoint, rows: readonly string[], maxMs: number): Promise<Fate[]> {
  const fates = new Map<string, Fate>();
  let open = [...rows];
  let changedMs = performance.now();
  for (const deadline = new Deadline(maxMs); open.length > 0; await pause(deadline.left(roundMs))) {
    const looked = open.slice(0, rowsPerRound);
    for (const row of looked) fates.set(row, await fateOf(endpoint, row));
    const isOpen = (row: string): boolean => !isSettled(fates.get(row)!);
    const stillOpen = looked.filter(isOpen);
    if (stillOpen.length < looked.length) changedMs = performance.now();
    // Those that were looked at go last.
    open = [...open.slice(rowsPerRound), ...stillOpen];
    if (deadline.isOver || performance.now() - changedMs > stallMs) break;
  }
  for (const row of open) fates.set(row, await fateOf(endpoint, row));
  return rows.map((row) => fates.get(row)!);
}

/** The adapter that answers whoever asks for no version; null is the base alone. */
export const servedBy = async (endpoint: Endpoint): Promise<string | null> =>
  (await chat(endpoint, { text: 'Hello.', maxTokens: 1, memory: 'off' })).version.adapter;

const maxServeMs = 30_000;

/** A version is published a moment before it answers. False when it does not get to. */
export async function untilServed(endpoint: Endpoint, adapter: string): Promise<boolean> {
  const isServed = async (): Promise<true | null> => ((await servedBy(endpoint)) === adapter ? true : null);
  return (await until(isServed, { everyMs: 50, maxMs: maxServeMs })) !== null;
}

const warmUpSeed = 4_001;

/** A first lesson that is not measured: until it is over, the trainer may still be getting ready. */
export async function warmUp(endpoint: Endpoint, maxMs: number): Promise<Fate> {
  const [fact] = inventFacts(1, warmUpSeed);
  const { row } = await teach(endpoint, fact!);
  const fate = await settle(endpoint, row, maxMs);
  if (fate.adapter !== null) await untilServed(endpoint, fate.adapter);
  return fate;
}
