/** Outcomes of one load to figures. */
import { type Distribution, distribution } from './distribution.ts';
import { differentErrors, type FailureKind } from './failure.ts';
import { gapsOf, latencyOf, latenessOf, type Outcome, tpotOf, ttftOf } from './outcome.ts';

export interface Summary {
  readonly numOk: number;
  readonly numFailed: number;
  readonly failures: Readonly<Partial<Record<FailureKind, number>>>;
  /** The first few distinct ones. */
  readonly errors: readonly string[];
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly totalTokensPerSecond: number;
  readonly meanPromptTokens: number;
  readonly ttft: Distribution;
  readonly interToken: Distribution;
  /** Mean time per later token, of each request. */
  readonly tpot: Distribution;
  readonly endToEnd: Distribution;
  /** How late the generator was; where it is much, the figures are those of the generator. */
  readonly lateness: Distribution;
  /** Requests per second that kept both targets. */
  readonly goodputPerSecond: number;
}

export interface Targets {
  readonly ttftMs: number;
  /** Mean time per later token. */
  readonly tpotMs: number;
}

/** Times are those of the requests that were answered. */
export function summarize(outcomes: readonly Outcome[], targets: Targets): Summary {
  const ok = outcomes.filter((outcome) => outcome.ok);
  const seconds = spanOf(outcomes) / 1000;
  const perSecond = (count: number): number => (seconds === 0 ? 0 : count / seconds);
  const sum = (value: (outcome: Outcome) => number): number =>
    ok.reduce((total, each) => total + value(each), 0);
  const good = ok.filter((outcome) => ttftOf(outcome) <= targets.ttftMs && tpotOf(outcome) <= targets.tpotMs);
  return {
    numOk: ok.length,
    numFailed: outcomes.length - ok.length,
    failures: countFailures(outcomes),
    errors: differentErrors(outcomes.flatMap(({ error }) => error ?? [])),
    seconds,
    requestsPerSecond: perSecond(ok.length),
    outputTokensPerSecond: perSecond(sum(({ outputTokens }) => outputTokens)),
    totalTokensPerSecond: perSecond(sum(({ outputTokens, promptTokens }) => outputTokens + promptTokens)),
    meanPromptTokens: ok.length === 0 ? 0 : sum(({ promptTokens }) => promptTokens) / ok.length,
    ttft: distribution(ok.map(ttftOf)),
    interToken: distribution(ok.flatMap(gapsOf)),
    tpot: distribution(ok.map(tpotOf)),
    endToEnd: distribution(ok.map(latencyOf)),
    lateness: distribution(outcomes.map(latenessOf)),
    goodputPerSecond: perSecond(good.length),
  };
}

/** From the first intended start to the last end, in milliseconds. */
function spanOf(outcomes: readonly Outcome[]): number {
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const { intendedMs, endMs } of outcomes) {
    first = Math.min(first, intendedMs);
    last = Math.max(last, endMs);
  }
  return outcomes.length === 0 ? 0 : last - first;
}

function countFailures(outcomes: readonly Outcome[]): Partial<Record<FailureKind, number>> {
  const counts: Partial<Record<FailureKind, number>> = {};
  for (const { failure } of outcomes) if (failure !== null) counts[failure] = (counts[failure] ?? 0) + 1;
  return counts;
}
