/** What went on when: tokens, waits and failures of a scenario in buckets of time, for plots. */
import { distribution } from './distribution.ts';
import { type FailureKind, failureKinds } from './failure.ts';
import { type Outcome, ttftOf } from './outcome.ts';

export interface Timeline {
  readonly bucketSeconds: number;
  /** One number for each bucket, as in all that follows. */
  readonly tokensPerSecond: readonly number[];
  /** Of the requests that were meant to start in the bucket; null where there are none. */
  readonly ttftP50Ms: readonly (number | null)[];
  readonly ttftMaxMs: readonly (number | null)[];
  /** By the moment of the failure; kinds that did not occur are left out. */
  readonly failures: Readonly<Partial<Record<FailureKind, readonly number[]>>>;
  /** Requests of each load that were meant to start in the bucket. */
  readonly starts: Readonly<Record<string, readonly number[]>>;
}

const wantedBuckets = 60;
const bucketSizesMs = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const;

/** Null where nothing was sent. */
export function timelineOf(
  loads: readonly { readonly name: string; readonly outcomes: readonly Outcome[] }[],
): Timeline | null {
  const outcomes = loads.flatMap((load) => load.outcomes);
  if (outcomes.length === 0) return null;
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const { intendedMs, endMs } of outcomes) {
    [first, last] = [Math.min(first, intendedMs), Math.max(last, endMs)];
  }
  const bucketMs =
    bucketSizesMs.find((size) => (last - first) / size <= wantedBuckets) ?? bucketSizesMs.at(-1)!;
  const numBuckets = Math.floor((last - first) / bucketMs) + 1;
  const bucketOf = (atMs: number): number => Math.floor((atMs - first) / bucketMs);
  const empty = (): number[] => Array.from({ length: numBuckets }, () => 0);
  const count = (moments: readonly number[]): number[] => {
    const counts = empty();
    for (const at of moments) counts[bucketOf(at)]! += 1;
    return counts;
  };
  const waits: number[][] = Array.from({ length: numBuckets }, () => []);
  for (const outcome of outcomes) if (outcome.ok) waits[bucketOf(outcome.intendedMs)]!.push(ttftOf(outcome));
  const ofWaits = (name: 'p50Ms' | 'maxMs') =>
    waits.map((values) => (values.length === 0 ? null : distribution(values)[name]));
  const failuresOf = (kind: FailureKind): number[] =>
    outcomes.flatMap(({ failure, endMs }) => (failure === kind ? [endMs] : []));
  const tokens = count(outcomes.flatMap(({ tokenMs }) => tokenMs));
  return {
    bucketSeconds: bucketMs / 1000,
    tokensPerSecond: tokens.map((each) => (each * 1000) / bucketMs),
    ttftP50Ms: ofWaits('p50Ms'),
    ttftMaxMs: ofWaits('maxMs'),
    failures: Object.fromEntries(
      failureKinds.flatMap((kind) => {
        const moments = failuresOf(kind);
        return moments.length === 0 ? [] : [[kind, count(moments)]];
      }),
    ),
    starts: Object.fromEntries(
      loads.map((load) => [load.name, count(load.outcomes.map(({ intendedMs }) => intendedMs))]),
    ),
  };
}
