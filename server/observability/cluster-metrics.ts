/** What this replica has to do with the others: the link to Redis, whether it leads, the logs that are carried. */
import type { CarriedLog } from '../cluster/carried-log.ts';
import type { Unsent } from '../cluster/unsent-rows.ts';
import { redisSeconds } from './buckets.ts';
import type { Instruments, Sample } from './instruments.ts';

export interface ClusterObserved {
  /** Whether Redis can be used. */
  readonly isUp: boolean;
  /** Null for a replica that never leads. */
  readonly isLeader: boolean | null;
  readonly logs?: readonly CarriedLog[];
  /** Of the replicas that were heard of lately, whether each serves what the aliases point to. */
  readonly replicas?: readonly { readonly isReady: boolean }[];
}

export class ClusterMetrics {
  private readonly failures;
  private readonly duration;

  /** `observe` is asked at each scrape; null where this server is on its own. */
  constructor(instruments: Instruments, observe: () => ClusterObserved | null) {
    this.failures = instruments.counter({
      name: 'millrace_redis_failures_total',
      help: 'Work that Redis did not do, by reason: down, slow, read_only, out_of_memory, denied, refused',
      labels: ['reason'],
    });
    this.duration = instruments.histogram({
      name: 'millrace_redis_duration_seconds',
      help: 'Duration of work that Redis did; reads that wait for something are not counted',
      labels: [],
      buckets: redisSeconds,
    });
    instruments.readGauge(
      { name: 'millrace_redis_up', help: 'Whether Redis can be used, as this replica sees it', labels: [] },
      () => flag(observe()?.isUp ?? null),
    );
    instruments.readGauge(
      {
        name: 'millrace_leader',
        help: 'Whether this replica holds the lock of the learner; of learners only',
        labels: [],
      },
      () => flag(observe()?.isLeader ?? null),
    );
    instruments.readGauge(
      {
        name: 'millrace_cluster_replicas',
        help: 'Replicas that this one has heard of lately: ready serve what the latest aliases point to, behind do not yet or cannot',
        labels: ['state'],
      },
      () => readinessOf(observe()?.replicas ?? null),
    );
    const logs = (): readonly CarriedLog[] => observe()?.logs ?? [];
    observeLogs(instruments, logs);
    observeUnsent(instruments, logs);
  }

  /** `failure` is one of few words; null for what succeeded. */
  recordWork(failure: string | null, tookMs: number): void {
    if (failure === null) this.duration.of().observe(tookMs / 1000);
    else this.failures.of(failure).add();
  }
}

function observeLogs(instruments: Instruments, logs: () => readonly CarriedLog[]): void {
  const ofEach = (value: (log: CarriedLog) => number) => (): Sample[] =>
    logs().map((each) => [{ log: each.log, direction: each.direction }, value(each)]);
  const of = (direction: CarriedLog['direction'], value: (log: CarriedLog) => number) => () =>
    logs().flatMap((each): Sample[] =>
      each.direction === direction ? [[{ log: each.log }, value(each)]] : [],
    );
  const labels = ['log', 'direction'];
  instruments.readCounter(
    {
      name: 'millrace_cluster_lines_total',
      help: 'Lines of logs sent to and received from other replicas',
      labels,
    },
    ofEach(({ numLines }) => numLines),
  );
  instruments.readGauge(
    { name: 'millrace_cluster_log_up', help: 'Whether the log is carried, as of the last try', labels },
    ofEach(({ isUp }) => (isUp ? 1 : 0)),
  );
  instruments.readCounter(
    {
      name: 'millrace_cluster_gaps_total',
      help: 'Times that lines were dropped from the stream before this replica had read them',
      labels: ['log'],
    },
    of('received', ({ numGaps }) => numGaps),
  );
  instruments.readCounter(
    {
      name: 'millrace_cluster_resends_total',
      help: 'Times that this replica has begun to send all of the log once more, since another one had missed something',
      labels: ['log'],
    },
    of('sent', ({ numResends }) => numResends),
  );
}

function observeUnsent(instruments: Instruments, logs: () => readonly CarriedLog[]): void {
  const ofEach = (value: (unsent: Unsent) => number) => (): Sample[] =>
    logs().flatMap(({ log, unsent }): Sample[] => (unsent === null ? [] : [[{ log }, value(unsent)]]));
  const labels = ['log'];
  instruments.readGauge(
    {
      name: 'millrace_cluster_unsent_rows',
      help: 'Rows on the disk of this replica that wait to be sent to the others, as of the last second',
      labels,
    },
    ofEach(({ rows }) => rows),
  );
  instruments.readGauge(
    { name: 'millrace_cluster_unsent_bytes', help: 'Bytes of the rows that wait to be sent', labels },
    ofEach(({ bytes }) => bytes),
  );
  instruments.readGauge(
    {
      name: 'millrace_cluster_unsent_age_seconds',
      help: 'For how long the oldest row that waits to be sent has been here; 0 while none waits',
      labels,
    },
    ofEach(({ oldestMs }) => (oldestMs === null ? 0 : Math.max(0, Date.now() - oldestMs) / 1_000)),
  );
}

function readinessOf(replicas: ClusterObserved['replicas'] | null): Sample[] {
  if (replicas === null || replicas === undefined) return [];
  const numReady = replicas.filter(({ isReady }) => isReady).length;
  return [
    [{ state: 'ready' }, numReady],
    [{ state: 'behind' }, replicas.length - numReady],
  ];
}

const flag = (value: boolean | null): Sample[] => (value === null ? [] : [[{}, value ? 1 : 0]]);
