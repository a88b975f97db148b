/**
 * A planted bad version, and how long it answers on after a rollback was asked for. It is planted as an attacker would:
 * by a correction that states a falsehood, which is learned, passes the gate and is served.
 */

import { pause } from '../wait.ts';
import { type StreamedChat, withChatLoad } from './chat-load.ts';
import { chat, type Endpoint, operate } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import { adapterOf } from './fingerprint.ts';
import { inventFacts } from './invented-facts.ts';
import { count, type Figure, type Finding, type Lab } from './measure.ts';
import { quantileOf } from './quantile.ts';
import { targets } from './targets.ts';
import { servedBy, settle, teach, untilServed, warmUp } from './teach.ts';
import { allUnrelated } from './unrelated-prompts.ts';

export interface RollbackOptions {
  readonly numRollbacks: number;
  /** How long the new answers are watched after a rollback. */
  readonly watchMs: number;
}

export interface Rollback {
  readonly good: string | null;
  readonly bad: string;
  /** Whether the bad version, and no earlier one, told the falsehood, and whether it was told afterwards. */
  readonly wasTold: boolean;
  readonly isStillTold: boolean;
  /** Until the operator had the reply. */
  readonly replyMs: number;
  /** Until the last moment at which a chat began that the bad version answered. */
  readonly lastBadMs: number;
  /** Fingerprints, once the rollback was asked for. */
  readonly answeredBy: readonly string[];
  readonly numWatched: number;
  readonly numFailed: number;
}

interface Planted {
  readonly falsehood: Fact;
  /** What answered before, and what answers now; null is the base alone. */
  readonly good: string | null;
  readonly bad: string;
  readonly isTellingBefore: boolean;
}

const defaults: RollbackOptions = { numRollbacks: 8, watchMs: 3_000 };
const [maxWarmUpMs, maxLessonMs, seed] = [180_000, 90_000, 5_200];
const leadMs = 500;
/** Short answers, so that new ones begin every few milliseconds. */
const probes = { numClients: 4, prompts: allUnrelated, maxTokens: 2, memory: 'off', seed: 12 } as const;

export async function measureRollback(lab: Lab, options: Partial<RollbackOptions> = {}): Promise<Finding> {
  const { numRollbacks, watchMs } = { ...defaults, ...options };
  const { endpoint } = await lab.start(null);
  const rollbacks: Rollback[] = [];
  const { chats } = await withChatLoad(endpoint, lab.background, async () => {
    await warmUp(endpoint, lab.deadline.left(maxWarmUpMs));
    for (const falsehood of inventFacts(numRollbacks, seed)) {
      if (lab.deadline.isOver) break;
      const planted = await plant(endpoint, falsehood);
      if (planted === null) continue;
      const rollback = await rollBack(endpoint, planted, watchMs);
      rollbacks.push(rollback);
      lab.say(
        `  reply ${rollback.replyMs.toFixed(0)} ms, last bad answer ${rollback.lastBadMs.toFixed(0)} ms`,
      );
    }
  });
  const numFailed =
    chats.filter(({ ok }) => !ok).length + rollbacks.reduce((sum, each) => sum + each.numFailed, 0);
  return { figures: figuresOf(rollbacks, numFailed), drawings: [], raw: { rollbacks } };
}

/** Teaches the falsehood and waits until the version that learned it answers everybody; null when none does. */
async function plant(endpoint: Endpoint, falsehood: Fact): Promise<Planted | null> {
  const good = await servedBy(endpoint);
  const isTellingBefore = await tells(endpoint, falsehood);
  const { row } = await teach(endpoint, falsehood);
  const { adapter } = await settle(endpoint, row, maxLessonMs);
  if (adapter === null || !(await untilServed(endpoint, adapter))) return null;
  return { falsehood, good, bad: adapter, isTellingBefore };
}

const tells = async (endpoint: Endpoint, falsehood: Fact): Promise<boolean> =>
  isRight(falsehood, (await chat(endpoint, { text: falsehood.question, memory: 'off' })).text);

async function rollBack(endpoint: Endpoint, planted: Planted, watchMs: number): Promise<Rollback> {
  const { falsehood, good, bad, isTellingBefore } = planted;
  const wasTold = !isTellingBefore && (await tells(endpoint, falsehood));
  const { value: at, chats } = await withChatLoad(endpoint, probes, async () => {
    await pause(Math.min(leadMs, watchMs));
    const askedMs = performance.now();
    await operate(endpoint, 'rollback');
    const replyMs = performance.now() - askedMs;
    await pause(watchMs);
    return { askedMs, replyMs };
  });
  const after = chats.filter(({ ok, startMs }) => ok && startMs >= at.askedMs);
  const badMs = after.filter((each) => !isBy(each, good)).map(({ startMs }) => startMs - at.askedMs);
  return {
    good,
    bad,
    wasTold,
    isStillTold: wasTold && (await tells(endpoint, falsehood)),
    answeredBy: [...new Set(after.flatMap(({ fingerprints }) => fingerprints))],
    replyMs: at.replyMs,
    lastBadMs: Math.max(0, ...badMs),
    numWatched: after.length,
    numFailed: chats.filter(({ ok }) => !ok).length,
  };
}

/** Any other version than the old one counts as bad, also a new one that was built on the bad one. */
const isBy = ({ fingerprints }: StreamedChat, adapter: string | null): boolean =>
  fingerprints.every((fingerprint) => adapterOf(fingerprint) === adapter);

function figuresOf(rollbacks: readonly Rollback[], numFailed: number): Figure[] {
  const last = rollbacks.map(({ lastBadMs }) => lastBadMs);
  const replies = rollbacks.map(({ replyMs }) => replyMs);
  return [
    {
      name: 'rollback to last new answer by the bad version, median',
      value: quantileOf(last, 0.5),
      unit: 'ms',
      bound: null,
    },
    {
      name: 'rollback to last new answer by the bad version, worst',
      value: quantileOf(last, 1),
      unit: 'ms',
      bound: { most: targets.rollbackMs },
    },
    { name: 'rollback to its reply, worst', value: quantileOf(replies, 1), unit: 'ms', bound: null },
    count('rollbacks', rollbacks.length, { least: 1 }),
    count('bad versions that told the falsehood', rollbacks.filter(({ wasTold }) => wasTold).length, null),
    count('falsehoods still told afterwards', rollbacks.filter(({ isStillTold }) => isStillTold).length, {
      most: 0,
    }),
    count('requests that failed', numFailed, { most: 0 }),
  ];
}
