/** What this replica has to do with the others: the link to Redis, and whether it leads. */
import { redisSeconds } from './buckets.ts';
import type { Instruments, Sample } from './instruments.ts';

export interface ClusterObserved {
  /** Whether Redis can be used. */
  readonly isUp: boolean;
  /** Null for a replica that never leads. */
  readonly isLeader: boolean | null;
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
  }

  /** `failure` is one of few words; null for what succeeded. */
  recordWork(failure: string | null, tookMs: number): void {
    if (failure === null) this.duration.of().observe(tookMs / 1000);
    else this.failures.of(failure).add();
  }
}

const flag = (value: boolean | null): Sample[] => (value === null ? [] : [[{}, value ? 1 : 0]]);
