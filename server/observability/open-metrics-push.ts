/** Begins to send metrics: loads OpenTelemetry's packages for it, which nothing else does. */
import type { MetricsPush, MetricsPushOptions } from './metrics-push.ts';

export async function openMetricsPush(options: MetricsPushOptions): Promise<MetricsPush> {
  const { OtlpMetrics } = await import('./otlp-metrics.ts');
  return new OtlpMetrics(options);
}
