/** What running streams felt: times between tokens, and tokens per second, over a stretch of time. */
import { distribution } from '../distribution.ts';
import { gapsOf } from '../outcome.ts';
import type { StreamedChat } from './chat-load.ts';

export interface Felt {
  readonly interTokenP50Ms: number;
  readonly interTokenP99Ms: number;
  readonly ttftP95Ms: number;
  readonly tokensPerSecond: number;
  readonly numChats: number;
  readonly numFailed: number;
}

export type Stretch = readonly [fromMs: number, toMs: number];

/** Of the tokens that arrived within any of the stretches; of the chats that began there. */
export function feltIn(chats: readonly StreamedChat[], stretches: readonly Stretch[]): Felt {
  const isIn = (at: number, [fromMs, toMs]: Stretch): boolean => at >= fromMs && at < toMs;
  const isWithin = (at: number): boolean => stretches.some((stretch) => isIn(at, stretch));
  const begun = chats.filter(({ startMs }) => isWithin(startMs));
  const gaps = stretches.flatMap((stretch) =>
    chats.flatMap(({ tokenMs }) => gapsOf({ tokenMs: tokenMs.filter((at) => isIn(at, stretch)) })),
  );
  const waits = begun.flatMap(({ tokenMs, startMs }) =>
    tokenMs[0] === undefined ? [] : tokenMs[0] - startMs,
  );
  const numTokens = chats.reduce((sum, { tokenMs }) => sum + tokenMs.filter(isWithin).length, 0);
  const between = distribution(gaps);
  return {
    interTokenP50Ms: between.p50Ms,
    interTokenP99Ms: between.p99Ms,
    ttftP95Ms: distribution(waits).p95Ms,
    tokensPerSecond: (numTokens * 1000) / stretches.reduce((sum, [fromMs, toMs]) => sum + toMs - fromMs, 0),
    numChats: begun.length,
    numFailed: begun.filter(({ ok }) => !ok).length,
  };
}
