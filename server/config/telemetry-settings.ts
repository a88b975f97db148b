/** Settings of metrics and traces; part of declaration.ts. */
import { choice, integer, text, url } from './setting.ts';

export const telemetrySettings = {
  'telemetry.otlpEndpoint': url({
    default: '',
    optional: true,
    description:
      'Collector that traces are sent to with OTLP over HTTP, `http://127.0.0.1:4318` for example; `/v1/traces` is added. Empty sends and makes none.',
  }),
  'telemetry.otlpMetricsEndpoint': url({
    default: '',
    optional: true,
    description:
      'Collector that metrics are sent to with OTLP over HTTP; `/v1/metrics` is added. It may be that of the traces. Empty sends none; `/metrics` is there in any case.',
  }),
  'telemetry.otlpMetricsIntervalMs': integer({
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'ms',
    description: 'Between two times that metrics are sent.',
  }),
  'telemetry.serviceName': text({
    default: 'millrace',
    description: 'What this server is called in traces and in metrics that are sent.',
  }),
  'telemetry.samplePercent': integer({
    default: 100,
    min: 0,
    max: 100,
    unit: '%',
    description:
      'Share of the requests that are traced; one that comes with a `traceparent` is traced if that says so.',
  }),
  'telemetry.content': choice({
    default: 'off',
    values: ['on', 'off'],
    description:
      'Whether prompts and answers go into traces, as they are: nothing is taken out of them. They are never logged.',
  }),
  'telemetry.maxTenants': integer({
    default: 50,
    min: 0,
    max: 10_000,
    description: 'Tenants that metrics tell apart, in the order in which they come; all others are "other".',
  }),
  'telemetry.vllmNames': choice({
    default: 'off',
    values: ['on', 'off'],
    description: "Whether metrics come under vLLM's names, too, for dashboards that were made for it.",
  }),
} as const;
