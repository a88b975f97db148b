/**
 * Corrections one after another, and what each published version does to everything else: perplexity on passages that
 * nobody trains on, and whether what was taught earlier is still known by the weights alone.
 */

import { type Deadline, inParallel } from '../wait.ts';
import { withChatLoad } from './chat-load.ts';
import type { Check, Course, Update } from './course.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import { forgettingDrawings, forgettingFigures } from './forgetting-report.ts';
import { inventFacts } from './invented-facts.ts';
import type { Finding, Lab } from './measure.ts';
import { type Loss, lossOf } from './perplexity.ts';
import { measureSpill } from './spill.ts';
import { settle, teach, told, warmUp } from './teach.ts';
import { trainingLossOf } from './training-loss.ts';

export interface ForgettingOptions {
  readonly numCorrections: number;
  /** Everything taught so far is asked again after so many corrections. */
  readonly checkEvery: number;
}

const defaults: ForgettingOptions = { numCorrections: 100, checkEvery: 10 };
const [maxWarmUpMs, maxLessonMs, width, seed] = [180_000, 90_000, 4, 7_300];

export async function measureForgetting(
  lab: Lab,
  options: Partial<ForgettingOptions> = {},
): Promise<Finding> {
  const { endpoint } = await lab.start(null);
  const { value: course } = await withChatLoad(endpoint, lab.background, () =>
    giveCourse(lab, endpoint, { ...defaults, ...options }),
  );
  return { figures: forgettingFigures(course), drawings: forgettingDrawings(course), raw: course };
}

async function giveCourse(lab: Lab, endpoint: Endpoint, options: ForgettingOptions): Promise<Course> {
  const { numCorrections, checkEvery } = options;
  const facts = sequenceOf(lab.facts, numCorrections);
  const base = await lossOf(endpoint, 'base');
  await warmUp(endpoint, lab.deadline.left(maxWarmUpMs));
  const updates: Update[] = [];
  const checks: Check[] = [];
  for (const [index, fact] of facts.entries()) {
    if (lab.deadline.isOver) break;
    const update = await teachOne(endpoint, fact, index + 1);
    updates.push(update);
    lab.say(`  ${lineOf(update, base)}`);
    if (update.correction % checkEvery !== 0 && update.correction !== facts.length) continue;
    const check = await checkAll(endpoint, facts.slice(0, update.correction), lab.deadline);
    // One that was cut short would count what was not asked as forgotten.
    if (!lab.deadline.isOver) checks.push(check);
  }
  const taught = facts.slice(0, updates.length);
  return { base, updates, checks, spill: await measureSpill(endpoint, taught, lab.deadline) };
}

/** The given facts first, then invented ones. */
export const sequenceOf = (facts: readonly Fact[], count: number): Fact[] =>
  [...facts, ...inventFacts(Math.max(0, count - facts.length), seed)].slice(0, count);

async function teachOne(endpoint: Endpoint, fact: Fact, correction: number): Promise<Update> {
  const { row } = await teach(endpoint, fact);
  const fate = await settle(endpoint, row, maxLessonMs);
  if (fate.adapter === null) return { correction, fate, loss: null, trainingLoss: null };
  const loss = await lossOf(endpoint, fate.adapter);
  return { correction, fate, loss, trainingLoss: await trainingLossOf(endpoint, fate.adapter) };
}

async function checkAll(endpoint: Endpoint, facts: readonly Fact[], deadline: Deadline): Promise<Check> {
  const ask = async (fact: Fact, text: string | undefined): Promise<boolean> => {
    if (text === undefined || deadline.isOver) return false;
    return isRight(fact, (await chat(endpoint, { text, memory: 'off' })).text);
  };
  return {
    correction: facts.length,
    exact: await inParallel(facts, width, (fact) => ask(fact, fact.question)),
    paraphrase: await inParallel(facts, width, (fact, index) =>
      ask(fact, fact.paraphrases[index % fact.paraphrases.length]),
    ),
  };
}

function lineOf({ correction, fate, loss }: Update, base: Loss): string {
  const drift =
    loss === null ? 'no version' : `perplexity ${((Math.exp(loss.all - base.all) - 1) * 100).toFixed(2)} %`;
  return `correction ${correction}: ${told(fate)}, ${drift}`;
}
