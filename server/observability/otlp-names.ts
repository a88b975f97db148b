/**
 * Names of metrics in OTLP. They are such that OpenTelemetry's rules for Prometheus (specification, "Prometheus and OpenMetrics
 * compatibility") make of them the names at /metrics: dots become underscores, and unit and "_total" are added.
 */
import type { Described } from './instruments.ts';

export interface OtlpName {
  readonly name: string;
  /** In UCUM; empty of what has none. */
  readonly unit: string;
}

/** Names of the conventions have dots at places that no rule tells. */
const conventional: Readonly<Record<string, string>> = {
  gen_ai_server_request_duration: 'gen_ai.server.request.duration',
  gen_ai_server_time_to_first_token: 'gen_ai.server.time_to_first_token',
  gen_ai_server_time_per_output_token: 'gen_ai.server.time_per_output_token',
  http_server_request_duration: 'http.server.request.duration',
  http_server_active_requests: 'http.server.active_requests',
};

const conventionalLabels: Readonly<Record<string, string>> = {
  http_request_method: 'http.request.method',
  http_route: 'http.route',
  http_response_status_code: 'http.response.status_code',
};

const units: readonly (readonly [suffix: string, unit: string])[] = [
  ['_seconds', 's'],
  ['_bytes', 'By'],
];

/** The rules add it to gauges alone. */
const ratio = ['_ratio', '1'] as const;
const total = '_total';

export function otlpName({ name, type }: Pick<Described, 'name' | 'type'>): OtlpName {
  const ofAmount = type === 'counter' && name.endsWith(total) ? name.slice(0, -total.length) : name;
  const known = type === 'gauge' ? [...units, ratio] : units;
  const [suffix, unit] = known.find(([end]) => ofAmount.endsWith(end)) ?? ['', ''];
  const bare = ofAmount.slice(0, ofAmount.length - suffix.length);
  return { name: conventional[bare] ?? bare.replace('_', '.'), unit };
}

export const otlpAttributes = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([label, value]) => [conventionalLabels[label] ?? label, value]),
  );
