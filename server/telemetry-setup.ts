/** Metrics and traces as the configuration says. */
import { systemClock } from '../core/clock.ts';
import { learningLayout } from '../core/registry/learning-layout.ts';
import type { ModelCatalogue } from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import type { Learning } from './learning/learning.ts';
import { LearningTelemetry, observedIn } from './learning-telemetry.ts';
import { type ClusterObserved, Metrics, type Observed } from './observability/metrics.ts';
import type { MetricsPush } from './observability/metrics-push.ts';
import { openMetricsPush } from './observability/open-metrics-push.ts';
import { openTracing } from './observability/open-tracing.ts';
import type { Tracing } from './observability/tracing.ts';
import { programVersion } from './program-version.ts';
import type { OnStep } from './served-models.ts';

export interface Telemetry {
  readonly metrics: Metrics;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly learning: LearningTelemetry;
  readonly onStep: OnStep;
  /** Sends what is left, within a limit. Never throws. */
  close(): Promise<void>;
}

/** What is looked at when somebody asks for metrics. */
export interface Observable {
  readonly catalogue: ModelCatalogue;
  readonly learning: () => Learning | null;
  readonly cluster: () => ClusterObserved | null;
  readonly warn: (message: string) => void;
}

export async function openTelemetry(config: Config, observable: Observable): Promise<Telemetry> {
  const { catalogue, learning, cluster } = observable;
  const metrics = new Metrics({
    engines: () => enginesOf(catalogue),
    learning: () => observedIn(learning()),
    cluster,
    maxTenants: config['telemetry.maxTenants'],
    hasVllmNames: config['telemetry.vllmNames'] === 'on',
  });
  const tracing = await tracingOf(config, observable.warn);
  const push = await pushOf(config, metrics, observable.warn);
  const { adapters } = learningLayout(config['learning.dir']);
  const ofLearning = new LearningTelemetry({ metrics: metrics.learning, tracing, adapters, now: Date.now });
  return {
    metrics,
    tracing,
    learning: ofLearning,
    onStep: (model, step) => metrics.engines.recordStep(model, step),
    async close() {
      await ofLearning.settled();
      await Promise.all([tracing?.close(), push?.close()]);
    },
  };
}

function enginesOf(catalogue: ModelCatalogue): Observed[] {
  return catalogue.list().flatMap((model) => {
    if (model.kind !== 'generator') return [];
    const { id, version, engine } = model;
    return [{ model: id, version, stats: engine.stats(), state: engine.state() }];
  });
}

async function tracingOf(config: Config, warn: (message: string) => void): Promise<Tracing | null> {
  const endpoint = config['telemetry.otlpEndpoint'];
  if (endpoint === '') return null;
  return openTracing({
    endpoint,
    ...senderOf(config),
    sampleRatio: config['telemetry.samplePercent'] / 100,
    hasContent: config['telemetry.content'] === 'on',
    nowMs: () => systemClock.nowMs(),
    warn,
  });
}

async function pushOf(
  config: Config,
  metrics: Metrics,
  warn: (message: string) => void,
): Promise<MetricsPush | null> {
  const endpoint = config['telemetry.otlpMetricsEndpoint'];
  if (endpoint === '') return null;
  return openMetricsPush({
    endpoint,
    ...senderOf(config),
    intervalMs: config['telemetry.otlpMetricsIntervalMs'],
    read: () => metrics.read(),
    nowMs: Date.now,
    warn,
  });
}

const senderOf = (config: Config) => ({
  serviceName: config['telemetry.serviceName'],
  serviceVersion: programVersion(),
});
