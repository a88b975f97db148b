/** Begins to trace: loads OpenTelemetry's packages, which nothing else does, so that a server without traces has none of them. */
import type { Tracing, TracingOptions } from './tracing.ts';

export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { OtlpTracing } = await import('./otlp-tracing.ts');
  return new OtlpTracing(options);
}
