/** What Prometheus is told. Names follow OpenTelemetry's GenAI conventions, spelled [a-z_]; see docs/metrics.md. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineState, EngineStats } from '../batching/engine.ts';

export interface RequestOutcome {
  readonly operation: string;
  readonly model: string;
  readonly status: number;
  readonly tookMs: number;
  readonly queueMs: number | null;
  readonly ttftMs: number | null;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface Observed {
  readonly model: string;
  readonly version: string;
  readonly stats: EngineStats;
  readonly state: EngineState;
}

const durations = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const firstToken = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const perToken = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

export class Metrics {
  readonly registry = new Registry();
  private readonly requests = this.counter('millrace_requests_total', 'Requests answered', [
    'operation',
    'model',
    'status',
  ]);
  private readonly tokens = this.counter('millrace_tokens_total', 'Tokens of answered requests', [
    'model',
    'type',
  ]);
  private readonly cancelled = this.counter('millrace_cancelled_total', 'Requests whose client left', [
    'model',
  ]);
  private readonly duration = this.histogram(
    'gen_ai_server_request_duration_seconds',
    'Request duration',
    durations,
  );
  private readonly ttft = this.histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'Time to first token',
    firstToken,
  );
  private readonly tpot = this.histogram(
    'gen_ai_server_time_per_output_token_seconds',
    'Time per later token',
    perToken,
  );
  private readonly queue = this.histogram('millrace_queue_wait_seconds', 'Wait for a slot', firstToken);

  /** `observe` is asked at each scrape. */
  constructor(observe: () => readonly Observed[]) {
    const gauges: readonly (readonly [string, string, (stats: EngineStats) => number])[] = [
      ['millrace_running_sequences', 'Sequences in slots', (stats) => stats.numRunning],
      ['millrace_waiting_sequences', 'Sequences waiting for a slot', (stats) => stats.numWaiting],
      ['millrace_cache_used_tokens', 'Tokens in slots', (stats) => stats.cacheTokens],
      ['millrace_cache_max_tokens', 'Tokens that slots may hold', (stats) => stats.cacheTokensMax],
      [
        'millrace_prefix_lookup_tokens',
        'Prompt tokens looked up in the prefix cache',
        (stats) => stats.prefixLookupTokens,
      ],
      [
        'millrace_prefix_hit_tokens',
        'Prompt tokens found in the prefix cache',
        (stats) => stats.prefixHitTokens,
      ],
      ['millrace_prefix_cache_bytes', 'Bytes of the prefix cache', (stats) => stats.prefixBytes],
      ['millrace_step_seconds', 'Duration of the last step', (stats) => stats.lastStepMs / 1000],
      ['millrace_step_predicted_seconds', 'Its prediction', (stats) => stats.predictedStepMs / 1000],
      ['millrace_step_tokens', 'Tokens in the last step', (stats) => stats.batchTokens],
      ['millrace_preemptions', 'Sequences that lost their slot', (stats) => stats.preemptions],
      ['millrace_engine_restarts', 'Engine hosts started again', (stats) => stats.restarts],
    ];
    for (const [name, help, value] of gauges) {
      const collect = (gauge: Gauge): void => {
        for (const { model, stats } of observe()) gauge.set({ model }, value(stats));
      };
      this.gauge(name, help, ['model'], collect);
    }
    this.gauge('millrace_engine_ready', 'Whether the engine serves', ['model', 'version'], (gauge) => {
      for (const { model, version, state } of observe())
        gauge.set({ model, version }, state === 'ready' ? 1 : 0);
    });
  }

  record(outcome: RequestOutcome): void {
    const { operation, model } = outcome;
    this.requests.inc({ operation, model, status: String(outcome.status) });
    this.duration.observe({ model }, outcome.tookMs / 1000);
    if (outcome.promptTokens > 0) this.tokens.inc({ model, type: 'input' }, outcome.promptTokens);
    if (outcome.completionTokens > 0) this.tokens.inc({ model, type: 'output' }, outcome.completionTokens);
    if (outcome.queueMs !== null) this.queue.observe({ model }, outcome.queueMs / 1000);
    if (outcome.ttftMs === null) return;
    this.ttft.observe({ model }, outcome.ttftMs / 1000);
    const later = outcome.completionTokens - 1;
    if (later > 0) this.tpot.observe({ model }, (outcome.tookMs - outcome.ttftMs) / later / 1000);
  }

  recordCancelled(model: string): void {
    this.cancelled.inc({ model });
  }

  private counter<T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram<'model'> {
    return new Histogram({ name, help, buckets, labelNames: ['model'], registers: [this.registry] });
  }

  private gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  }
}
