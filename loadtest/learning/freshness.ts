/**
 * How long it takes from a posted correction to a right answer by a version that contains it: through the memory
 * (clock 0), and through the weights alone (clock 1). Clients stream unrelated chats all the while.
 */

import { Deadline, pause, until } from '../wait.ts';
import { chat, type Endpoint, type Fate, fateOf } from './endpoint.ts';
import type { Fact } from './facts.ts';
import { isRight } from './facts.ts';
import { histogramSvg } from './histogram.ts';
import type { Figure, Finding } from './measure.ts';
import { quantileOf } from './quantile.ts';
import { targets } from './targets.ts';
import { type Lesson, settle, teach, told } from './teach.ts';

export interface FreshnessSample {
  readonly question: string;
  /** Answered right before it was taught: no freshness can be measured. */
  readonly wasRight: boolean;
  readonly acceptedMs: number;
  /** Null: not within the limit. */
  readonly memoryMs: number | null;
  readonly weightsMs: number | null;
  readonly fate: Fate;
  /** The adapter that gave the first right answer from the weights, and whether the server names it as containing the row. */
  readonly answeredBy: string | null;
  readonly isConfirmed: boolean;
}

const [maxMemoryMs, maxWeightsMs, maxFateMs] = [15_000, 90_000, 30_000];
const [askEveryMs, lookEveryMs, maxOpen] = [150, 50, 4];
/** Asked at least this often, also when the server does not say that the row was trained. */
const maxUnaskedMs = 1_000;

export async function measureFreshness(
  endpoint: Endpoint,
  facts: readonly Fact[],
  run: { readonly deadline: Deadline; readonly say: (text: string) => void },
): Promise<FreshnessSample[]> {
  const samples: FreshnessSample[] = [];
  for (const fact of facts) {
    if (run.deadline.isOver) break;
    const sample = await measureOne(endpoint, fact);
    samples.push(sample);
    const shown = [sample.memoryMs, sample.weightsMs].map((ms) =>
      ms === null ? 'never' : `${ms.toFixed(0)} ms`,
    );
    run.say(`  ${fact.question} memory ${shown[0]}, weights ${shown[1]}, ${told(sample.fate)}`);
  }
  return samples;
}

async function measureOne(endpoint: Endpoint, fact: Fact): Promise<FreshnessSample> {
  const lesson = await teach(endpoint, fact);
  const [memoryMs, weights] = await Promise.all([
    untilRemembered(endpoint, lesson),
    untilLearned(endpoint, lesson),
  ]);
  const fate = await settle(endpoint, lesson.row, maxFateMs);
  return {
    question: fact.question,
    wasRight: lesson.wasRight,
    acceptedMs: lesson.acceptedMs,
    memoryMs,
    weightsMs: weights?.ms ?? null,
    fate,
    answeredBy: weights?.adapter ?? null,
    isConfirmed: weights !== null && weights.adapter === fate.adapter,
  };
}

/** Asked again before the last answer has ended: a wrong one takes longer than it takes to remember. */
async function untilRemembered(endpoint: Endpoint, { fact, postedMs }: Lesson): Promise<number | null> {
  let firstMs: number | null = null;
  const ask = async (): Promise<void> => {
    const { text, version } = await chat(endpoint, { text: fact.question });
    if (version.memory !== null && isRight(fact, text)) firstMs ??= performance.now() - postedMs;
  };
  const open = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const isOver = (): boolean => firstMs !== null || failures.length > 0;
  for (const deadline = new Deadline(maxMemoryMs); !isOver() && !deadline.isOver; ) {
    const asked = ask()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => open.delete(asked));
    open.add(asked);
    await pause(askEveryMs);
    if (open.size >= maxOpen) await Promise.race(open);
  }
  await Promise.all(open);
  if (failures.length > 0) throw failures[0];
  return firstMs;
}

/** An adapter other than the one before, and right: only then it can be due to the correction. */
function untilLearned(
  endpoint: Endpoint,
  { fact, row, before, postedMs }: Lesson,
): Promise<{ ms: number; adapter: string } | null> {
  let askedMs = performance.now();
  const look = async (): Promise<{ ms: number; adapter: string } | null> => {
    const { state } = await fateOf(endpoint, row);
    if (state !== 'trained' && performance.now() - askedMs < maxUnaskedMs) return null;
    askedMs = performance.now();
    const { text, version } = await chat(endpoint, { text: fact.question, memory: 'off' });
    const { adapter } = version;
    if (adapter === null || adapter === before.version.adapter || !isRight(fact, text)) return null;
    return { ms: performance.now() - postedMs, adapter };
  };
  return until(look, { everyMs: lookEveryMs, maxMs: maxWeightsMs });
}

export function freshnessFinding(samples: readonly FreshnessSample[]): Finding {
  const measured = samples.filter(({ wasRight }) => !wasRight);
  const memory = measured.map(({ memoryMs }) => memoryMs);
  const weights = measured.map(({ weightsMs }) => weightsMs);
  const figures: Figure[] = [
    figure('correction to right answer, memory, p50', quantileOf(memory, 0.5), null),
    figure('correction to right answer, memory, p95', quantileOf(memory, 0.95), targets.memoryFreshnessP95Ms),
    figure(
      'correction to right answer, weights, p50',
      quantileOf(weights, 0.5),
      targets.weightsFreshnessP50Ms,
    ),
    figure(
      'correction to right answer, weights, p95',
      quantileOf(weights, 0.95),
      targets.weightsFreshnessP95Ms,
    ),
    figure(
      'correction to durable receipt, p95',
      quantileOf(
        samples.map(({ acceptedMs }) => acceptedMs),
        0.95,
      ),
      null,
    ),
    { name: 'corrections measured', value: measured.length, unit: 'count', bound: null },
  ];
  const series = [
    { name: 'memory', values: memory },
    { name: 'weights', values: weights },
  ];
  const title = 'From a posted correction to the right answer';
  return {
    figures,
    drawings: [{ name: 'freshness', svg: histogramSvg({ title, xLabel: 'seconds', series }) }],
    raw: { samples },
  };
}

const figure = (name: string, value: number | null, most: number | null): Figure => ({
  name,
  value,
  unit: 'ms',
  bound: most === null ? null : { most },
});
