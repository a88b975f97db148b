/** What learning does, as far as the server hears of it: feedback, memory, verdicts, swaps, freshness, the trainer. */
import { FirstLabels } from './bounded-labels.ts';
import { freshnessSeconds, swapSeconds } from './buckets.ts';
import { Freshness } from './freshness.ts';
import type { Instruments, Sample } from './instruments.ts';

/** A version that a tenant's alias points to. */
export interface AliasedVersion {
  readonly model: string;
  readonly tenant: string;
  readonly alias: 'stable' | 'canary' | 'shadow';
  /** Id of an adapter, or "base". */
  readonly version: string;
}

export interface LearningObserved {
  /** Null where it runs elsewhere. */
  readonly trainer: { readonly state: string; readonly restarts: number; readonly hangs: number } | null;
  readonly aliases: readonly AliasedVersion[];
  /** Responses that were not kept, so that they can get no feedback. */
  readonly unkeptResponses: number;
}

/** A change of what is served. */
export interface Swap {
  readonly kind: 'adapter' | 'base';
  /** What was done: "promote", "rollback", … */
  readonly move: string;
  /** Refused: what was asked for is not there, or not allowed. */
  readonly result: 'ok' | 'refused' | 'failed';
  readonly tookMs: number;
  /** Milliseconds since 1970. */
  readonly endedMs: number;
}

/** What the trainer says of an update that it published. */
export interface Lesson {
  readonly numRows: number;
  readonly numSteps: number;
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
}

export interface LearningMetricsOptions {
  /** Is asked at each scrape; null where nothing is learned. */
  readonly observe: () => LearningObserved | null;
  readonly maxTenants: number;
}

/** Names of checks come from a file. */
const maxChecks = 64;

export class LearningMetrics {
  private readonly freshness = new Freshness();
  private readonly checkNames = new FirstLabels(maxChecks);
  private trainingSinceMs: number | null = null;
  private trainedMs = 0;
  private readonly rows;
  private readonly recalls;
  private readonly served;
  private readonly verdicts;
  private readonly checks;
  private readonly swaps;
  private readonly swapDuration;
  private readonly lastSwap;
  private readonly learnedRows;
  private readonly steps;
  private readonly loss;

  constructor(instruments: Instruments, options: LearningMetricsOptions) {
    this.rows = instruments.counter({
      name: 'millrace_feedback_rows_total',
      help: 'Rows of feedback that were acknowledged',
      labels: ['kind'],
    });
    this.recalls = instruments.counter({
      name: 'millrace_memory_recalls_total',
      help: 'Questions that were looked up in the memory of corrections',
      labels: ['result'],
    });
    this.served = instruments.histogram({
      name: 'millrace_feedback_freshness_seconds',
      help: 'From a row of feedback to the first version that has learned it and serves; of rows received since the start',
      labels: [],
      buckets: freshnessSeconds,
    });
    this.verdicts = instruments.counter({
      name: 'millrace_gate_verdicts_total',
      help: 'Candidates that the gate judged',
      labels: ['model', 'kind', 'verdict'],
    });
    this.checks = instruments.counter({
      name: 'millrace_gate_failed_checks_total',
      help: 'Checks that refused candidates did not pass',
      labels: ['check'],
    });
    this.swaps = instruments.counter({
      name: 'millrace_swaps_total',
      help: 'Changes of what is served',
      labels: ['kind', 'move', 'result'],
    });
    this.swapDuration = instruments.histogram({
      name: 'millrace_swap_duration_seconds',
      help: 'Duration of changes that were made, loading included',
      labels: ['kind'],
      buckets: swapSeconds,
    });
    this.lastSwap = instruments.gauge({
      name: 'millrace_last_swap_timestamp_seconds',
      help: 'When the last change was made',
      labels: ['kind'],
    });
    this.learnedRows = instruments.counter({
      name: 'millrace_learned_rows_total',
      help: 'Rows of feedback in versions that were published',
      labels: [],
    });
    this.steps = instruments.counter({
      name: 'millrace_training_steps_total',
      help: 'Train steps of versions that were published',
      labels: [],
    });
    this.loss = instruments.gauge({
      name: 'millrace_training_loss',
      help: 'Loss of the new rows at the first and at the last step of the version published last',
      labels: ['step'],
    });
    this.readAliases(instruments, options);
    this.readTrainer(instruments, options);
  }

  /** `receivedMs` is in milliseconds since 1970. */
  recordFeedback(row: { readonly id: string; readonly kind: string; readonly receivedMs: number }): void {
    this.rows.of(row.kind).add();
    this.freshness.received(row.id, row.receivedMs);
  }

  recordRecall(isFound: boolean): void {
    this.recalls.of(isFound ? 'hit' : 'miss').add();
  }

  recordVerdict(verdict: {
    readonly model: string;
    readonly kind: 'adapter' | 'base';
    readonly passed: boolean;
    readonly failedChecks: readonly string[];
  }): void {
    const { model, kind, passed, failedChecks } = verdict;
    this.verdicts.of(model, kind, passed ? 'pass' : 'fail').add();
    for (const check of failedChecks) this.checks.of(this.checkNames.of(check)).add();
  }

  recordLesson({ numRows, numSteps, firstLoss, lastLoss }: Lesson): void {
    this.learnedRows.of().add(numRows);
    this.steps.of().add(numSteps);
    if (firstLoss !== null) this.loss.of('first').value = firstLoss;
    if (lastLoss !== null) this.loss.of('last').value = lastLoss;
  }

  recordSwap({ kind, move, result, tookMs, endedMs }: Swap): void {
    this.swaps.of(kind, move, result).add();
    if (result !== 'ok') return;
    this.swapDuration.of(kind).observe(tookMs / 1000);
    this.lastSwap.of(kind).value = endedMs / 1000;
  }

  /** A version with these rows serves now. */
  recordServed(rows: Iterable<string>, atMs: number): void {
    for (const waitedMs of this.freshness.served(rows, atMs)) this.served.of().observe(waitedMs / 1000);
  }

  /** Train steps begin, or are over. */
  recordTraining(isTraining: boolean, atMs: number): void {
    if (isTraining) this.trainingSinceMs ??= atMs;
    else {
      this.trainedMs = this.totalTrainedMs(atMs);
      this.trainingSinceMs = null;
    }
  }

  private totalTrainedMs(nowMs: number): number {
    return this.trainedMs + (this.trainingSinceMs === null ? 0 : Math.max(0, nowMs - this.trainingSinceMs));
  }

  private readAliases(instruments: Instruments, { observe, maxTenants }: LearningMetricsOptions): void {
    const tenants = new FirstLabels(maxTenants);
    instruments.readGauge(
      {
        name: 'millrace_version_info',
        help: 'Always 1: the versions that aliases of tenants point to, of telemetry.maxTenants tenants',
        labels: ['model', 'tenant', 'alias', 'version'],
      },
      () =>
        (observe()?.aliases ?? [])
          .filter(({ tenant }) => tenants.of(tenant) === tenant)
          .map((aliased): Sample => [{ ...aliased }, 1]),
    );
    instruments.readCounter(
      {
        name: 'millrace_unkept_responses_total',
        help: 'Responses that could not be kept for feedback',
        labels: [],
      },
      () => [[{}, observe()?.unkeptResponses ?? 0]],
    );
  }

  private readTrainer(instruments: Instruments, { observe }: LearningMetricsOptions): void {
    const trainer = () => observe()?.trainer ?? null;
    instruments.readGauge(
      { name: 'millrace_trainer_state', help: 'Always 1: the state of the trainer', labels: ['state'] },
      () => {
        const state = trainer()?.state;
        return state === undefined ? [] : [[{ state }, 1]];
      },
    );
    instruments.readGauge(
      { name: 'millrace_trainer_training', help: 'Whether train steps are run', labels: [] },
      () => [[{}, this.trainingSinceMs === null ? 0 : 1]],
    );
    instruments.readCounter(
      { name: 'millrace_trainer_restarts_total', help: 'Trainers started again', labels: [] },
      () => [[{}, trainer()?.restarts ?? 0]],
    );
    instruments.readCounter(
      {
        name: 'millrace_trainer_hangs_total',
        help: 'Trainers that gave no sign of life and were ended',
        labels: [],
      },
      () => [[{}, trainer()?.hangs ?? 0]],
    );
    instruments.readCounter(
      { name: 'millrace_training_seconds_total', help: 'Time in which train steps were run', labels: [] },
      () => [[{}, this.totalTrainedMs(Date.now()) / 1000]],
    );
  }
}
