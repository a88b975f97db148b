/**
 * Metrics sent to a collector with OpenTelemetry's SDK: OTLP over HTTP, as JSON, all of them every so often. The SDK holds none
 * of its own: at each turn it is given what /metrics shows. One turn is under way at most; what it cannot send it drops.
 */
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import { JsonMetricsSerializer, MetricsExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import {
  type CollectionResult,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { within } from '../../core/within.ts';
import type { MetricsPush, MetricsPushOptions } from './metrics-push.ts';
import { OtlpPoints } from './otlp-points.ts';
import { resourceOf, signalUrl } from './otlp-resource.ts';
import { WatchedExporter } from './watched-exporter.ts';

/** Of one request to the collector with all its tries; shorter than the shortest interval. */
const maxSendMs = 4_000;
const closeTimeoutMs = 2_000;

/** What `OTLPMetricExporter` of @opentelemetry/exporter-metrics-otlp-http is, beside a choice of temporality. */
function senderTo(url: string, timeoutMillis: number): OTLPExporterBase<ResourceMetrics> {
  const headers = { 'Content-Type': 'application/json' };
  const options = convertLegacyHttpOptions({ url, timeoutMillis }, 'METRICS', 'v1/metrics', headers);
  return new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      options,
      JsonMetricsSerializer,
      'otlp_http_json_metric_exporter',
      MetricsExporterMetricsHelper,
      undefined,
    ),
  );
}

export class OtlpMetrics implements MetricsPush {
  private readonly provider: MeterProvider;
  private closing: Promise<void> | null = null;

  constructor(options: MetricsPushOptions) {
    const { endpoint, intervalMs, read, serviceVersion, nowMs, warn } = options;
    const url = signalUrl(endpoint, 'metrics');
    const { host, pathname } = new URL(url);
    const sendMs = Math.min(maxSendMs, intervalMs);
    const watch = { to: host + pathname, signal: 'metrics', unit: 'sets', nowMs, warn } as const;
    const exporter = new WatchedExporter(senderTo(url, sendMs), { ...watch, size: () => 1 });
    const points = new OtlpPoints(nowMs());
    const resource = resourceOf(options);
    const collect = async (): Promise<CollectionResult> => {
      const metrics = points.of(await read(), nowMs());
      const scope = { name: 'millrace', version: serviceVersion };
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    };
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: sendMs,
      metricProducers: [{ collect }],
    });
    this.provider = new MeterProvider({ resource, readers: [reader] });
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    await within(closeTimeoutMs, undefined, () => this.provider.shutdown()).catch(() => {
      // What could not be sent has been warned of; a server that ends does not wait for it.
    });
  }
}
