/** Outcomes to figures. Times go through HDR histograms of 1 µs resolution and 3 significant digits. */
import { build } from 'hdr-histogram-js';
import type { Outcome } from './client.ts';

export interface Distribution {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Summary {
  readonly numOk: number;
  readonly numFailed: number;
  /** The first few distinct ones. */
  readonly errors: readonly string[];
  readonly seconds: number;
  readonly outputTokensPerSecond: number;
  readonly totalTokensPerSecond: number;
  readonly meanPromptTokens: number;
  readonly ttft: Distribution;
  readonly interToken: Distribution;
  readonly endToEnd: Distribution;
  /** Requests per second that kept both targets. */
  readonly goodputPerSecond: number;
}

export interface Targets {
  readonly ttftMs: number;
  /** Mean time per later token. */
  readonly tpotMs: number;
}

export function summarize(outcomes: readonly Outcome[], targets: Targets): Summary {
  const ok = outcomes.filter((outcome) => outcome.ok);
  const first = Math.min(...outcomes.map(({ startMs }) => startMs));
  const last = Math.max(...outcomes.map(({ endMs }) => endMs));
  const seconds = (last - first) / 1000;
  const sum = (value: (outcome: Outcome) => number): number =>
    ok.reduce((total, each) => total + value(each), 0);
  const good = ok.filter((outcome) => ttftOf(outcome) <= targets.ttftMs && tpotOf(outcome) <= targets.tpotMs);
  return {
    numOk: ok.length,
    numFailed: outcomes.length - ok.length,
    errors: [...new Set(outcomes.flatMap(({ error }) => error ?? []))].slice(0, 5),
    seconds,
    outputTokensPerSecond: sum(({ outputTokens }) => outputTokens) / seconds,
    totalTokensPerSecond: sum(({ outputTokens, promptTokens }) => outputTokens + promptTokens) / seconds,
    meanPromptTokens: sum(({ promptTokens }) => promptTokens) / ok.length,
    ttft: distribution(ok.map(ttftOf)),
    interToken: distribution(ok.flatMap(gapsOf)),
    endToEnd: distribution(ok.map(({ startMs, endMs }) => endMs - startMs)),
    goodputPerSecond: good.length / seconds,
  };
}

const ttftOf = ({ tokenMs, startMs, endMs }: Outcome): number => (tokenMs[0] ?? endMs) - startMs;

const tpotOf = ({ tokenMs }: Outcome): number =>
  tokenMs.length < 2 ? 0 : (tokenMs.at(-1)! - tokenMs[0]!) / (tokenMs.length - 1);

/** Times between tokens of one stream. */
export const gapsOf = ({ tokenMs }: Pick<Outcome, 'tokenMs'>): number[] =>
  tokenMs.slice(1).map((at, index) => at - tokenMs[index]!);

export function distribution(valuesMs: readonly number[]): Distribution {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3.6e9,
    numberOfSignificantValueDigits: 3,
  });
  for (const value of valuesMs) histogram.recordValue(Math.max(1, Math.round(value * 1000)));
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return {
    count: valuesMs.length,
    meanMs: valuesMs.length === 0 ? 0 : histogram.mean / 1000,
    p50Ms: at(50),
    p95Ms: at(95),
    p99Ms: at(99),
    maxMs: valuesMs.length === 0 ? 0 : histogram.maxValue / 1000,
  };
}
