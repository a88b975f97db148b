/** What engines do: read from their statistics at each scrape, and told step by step. */
import type { EngineState, EngineStats, StepRecord } from '../batching/engine.ts';
import { batchSizes, stepSeconds } from './buckets.ts';
import type { Bins } from './family.ts';
import type { Instruments, Sample } from './instruments.ts';

export interface Observed {
  readonly model: string;
  readonly version: string;
  readonly stats: EngineStats;
  readonly state: EngineState;
}

type Value = (stats: EngineStats) => number;

const gauges: readonly (readonly [name: string, help: string, value: Value])[] = [
  ['millrace_running_sequences', 'Sequences in slots', (stats) => stats.numRunning],
  ['millrace_waiting_sequences', 'Sequences waiting for a slot', (stats) => stats.numWaiting],
  ['millrace_slots', 'Sequences that are decoded at once at most', (stats) => stats.numSlots],
  ['millrace_cache_used_tokens', 'Tokens in slots', (stats) => stats.cacheTokens],
  ['millrace_cache_max_tokens', 'Tokens that slots may hold', (stats) => stats.cacheTokensMax],
  [
    'millrace_cache_usage_ratio',
    'Share of the tokens that slots may hold',
    (stats) => (stats.cacheTokensMax === 0 ? 0 : stats.cacheTokens / stats.cacheTokensMax),
  ],
  ['millrace_prefix_cache_bytes', 'Bytes of the prefix cache', (stats) => stats.prefixBytes],
];

const counters: readonly (readonly [name: string, help: string, value: Value])[] = [
  [
    'millrace_prefix_lookup_tokens_total',
    'Prompt tokens looked up in the prefix cache',
    (stats) => stats.prefixLookupTokens,
  ],
  [
    'millrace_prefix_hit_tokens_total',
    'Prompt tokens found in the prefix cache',
    (stats) => stats.prefixHitTokens,
  ],
  ['millrace_preemptions_total', 'Sequences that lost their slot', (stats) => stats.preemptions],
  ['millrace_engine_restarts_total', 'Engine hosts started again', (stats) => stats.restarts],
  ['millrace_engine_steps_total', 'Steps of the engine', (stats) => stats.steps],
  [
    'millrace_engine_prompt_tokens_total',
    'Prompt tokens computed, also of requests that were not answered',
    (stats) => stats.promptTokens,
  ],
  [
    'millrace_engine_generated_tokens_total',
    'Tokens generated, also of requests that were not answered',
    (stats) => stats.generatedTokens,
  ],
];

interface StepBins {
  readonly step: Bins;
  readonly predicted: Bins;
  readonly batchTokens: Bins;
  readonly batchSequences: Bins;
}

export class EngineMetrics {
  private readonly histograms;
  private readonly bins = new Map<string, StepBins>();

  /** `observe` is asked at each scrape. */
  constructor(instruments: Instruments, observe: () => readonly Observed[]) {
    const samples = (value: Value) => (): Sample[] =>
      observe().map(({ model, stats }) => [{ model }, value(stats)]);
    for (const [name, help, value] of gauges)
      instruments.readGauge({ name, help, labels: ['model'] }, samples(value));
    for (const [name, help, value] of counters)
      instruments.readCounter({ name, help, labels: ['model'] }, samples(value));
    instruments.readGauge(
      { name: 'millrace_engine_ready', help: 'Whether the engine serves', labels: ['model', 'version'] },
      () =>
        observe().map(({ model, version, state }): Sample => [{ model, version }, state === 'ready' ? 1 : 0]),
    );
    this.histograms = histogramsIn(instruments);
  }

  recordStep(model: string, { lastStepMs, predictedStepMs, batchTokens, batchSequences }: StepRecord): void {
    const bins = this.bins.get(model) ?? this.createBins(model);
    bins.step.observe(lastStepMs / 1000);
    bins.predicted.observe(predictedStepMs / 1000);
    bins.batchTokens.observe(batchTokens);
    bins.batchSequences.observe(batchSequences);
  }

  private createBins(model: string): StepBins {
    const { step, predicted, batchTokens, batchSequences } = this.histograms;
    const bins = {
      step: step.of(model),
      predicted: predicted.of(model),
      batchTokens: batchTokens.of(model),
      batchSequences: batchSequences.of(model),
    };
    this.bins.set(model, bins);
    return bins;
  }
}

function histogramsIn(instruments: Instruments) {
  const ofModel = (name: string, help: string, buckets: readonly number[]) =>
    instruments.histogram({ name, help, labels: ['model'], buckets });
  return {
    step: ofModel('millrace_step_seconds', 'Duration of a step', stepSeconds),
    predicted: ofModel(
      'millrace_step_predicted_seconds',
      'What was predicted of the duration of a step, which chunks of prompts are cut by',
      stepSeconds,
    ),
    batchTokens: ofModel('millrace_step_tokens', 'Tokens that a step computes', batchSizes),
    batchSequences: ofModel('millrace_batch_sequences', 'Sequences that share a step', batchSizes),
  };
}
