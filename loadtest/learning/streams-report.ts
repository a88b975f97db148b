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

/** Of the tokens that arrived between two moments; of the chats that began between them. */
export function feltBetween(chats: readonly StreamedChat[], fromMs: number, toMs: number): Felt {
  const isWithin = (at: number): boolean => at >= fromMs && at < toMs;
  const begun = chats.filter(({ startMs }) => isWithin(startMs));
  const gaps = chats.flatMap((chat) => gapsOf({ tokenMs: chat.tokenMs.filter(isWithin) }));
  const waits = begun.flatMap(({ tokenMs, startMs }) =>
    tokenMs[0] === undefined ? [] : tokenMs[0] - startMs,
  );
  const numTokens = chats.reduce((sum, { tokenMs }) => sum + tokenMs.filter(isWithin).length, 0);
  const between = distribution(gaps);
  return {
    interTokenP50Ms: between.p50Ms,
    interTokenP99Ms: between.p99Ms,
    ttftP95Ms: distribution(waits).p95Ms,
    tokensPerSecond: (numTokens * 1000) / (toMs - fromMs),
    numChats: begun.length,
    numFailed: begun.filter(({ ok }) => !ok).length,
  };
}
