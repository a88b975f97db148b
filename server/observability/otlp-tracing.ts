/** Traces sent to a collector with OpenTelemetry's SDK: OTLP over HTTP, as JSON, in batches behind the requests. */
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import { within } from '../../core/within.ts';
import { knownMethod } from './http-method.ts';
import { inferenceAttributes, inferenceName } from './inference-attributes.ts';
import { resourceOf, signalUrl } from './otlp-resource.ts';
import { phasesOf } from './phases.ts';
import { requestSampler } from './request-sampler.ts';
import { formatTraceparent, parseTraceparent, type SpanIds } from './traceparent.ts';
import type {
  Inference,
  RequestEnd,
  RequestHead,
  RequestTrace,
  Tracing,
  TracingOptions,
  Work,
} from './tracing.ts';
import { WatchedExporter } from './watched-exporter.ts';

/** Spans that wait to be sent; more are dropped. */
const maxQueue = 4_096;
const maxBatch = 512;
const batchDelayMs = 1_000;
/** Of one request to the collector with all its tries, and of the batch that waits for it. */
const sendTimeoutMs = 4_000;
const exportTimeoutMs = 5_000;
const closeTimeoutMs = 2_000;
/** Of one attribute, so that a prompt or a path does not fill the queue's memory. */
const maxCharacters = 32_768;
const maxShown = 256;
/** Versions whose trace is known. */
const maxVersions = 100;
const clientLeft = 'client_left';

/** What clients choose freely. */
const cut = (text: string): string => text.slice(0, maxShown);

export class OtlpTracing implements Tracing {
  private readonly options: TracingOptions;
  private readonly provider: TracerProvider;
  private readonly tracer: Tracer;
  /** Where work on each version began; the oldest go. */
  private readonly versions = new Map<string, SpanContext>();
  private closing: Promise<void> | null = null;

  constructor(options: TracingOptions) {
    this.options = options;
    const url = signalUrl(options.endpoint, 'traces');
    const { host, pathname } = new URL(url);
    const sender = new OTLPTraceExporter({ url, timeoutMillis: sendTimeoutMs });
    const { warn, nowMs } = options;
    const watch = { to: host + pathname, signal: 'traces', unit: 'spans', nowMs, warn } as const;
    const size = (spans: ReadableSpan[]): number => spans.length;
    const exporter = new WatchedExporter(sender, { ...watch, size });
    this.provider = new TracerProvider({
      resource: resourceOf(options),
      sampler: requestSampler(options.sampleRatio),
      spanLimits: { attributeValueLengthLimit: maxCharacters },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter,
          maxQueueSize: maxQueue,
          maxExportBatchSize: maxBatch,
          scheduledDelayMillis: batchDelayMs,
          exportTimeoutMillis: exportTimeoutMs,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('millrace', options.serviceVersion);
  }

  request(head: RequestHead): RequestTrace {
    const { nowMs, hasContent } = this.options;
    return new OtlpRequest(head, { tracer: this.tracer, nowMs, hasContent });
  }

  work({ name, startMs, endMs, version, attributes, errorType }: Work): void {
    const parent = version === null ? undefined : this.versions.get(version);
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = this.tracer.startSpan(
      name,
      { kind: SpanKind.INTERNAL, startTime: startMs, attributes: { ...attributes } },
      context,
    );
    if (errorType !== null) fail(span, errorType);
    span.end(Math.max(startMs, endMs));
    if (version !== null && parent === undefined) this.remember(version, span.spanContext());
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

  private remember(version: string, context: SpanContext): void {
    this.versions.set(version, context);
    if (this.versions.size > maxVersions) this.versions.delete(this.versions.keys().next().value!);
  }
}

interface RequestParts {
  readonly tracer: Tracer;
  readonly nowMs: () => number;
  readonly hasContent: boolean;
}

class OtlpRequest implements RequestTrace {
  readonly ids: SpanIds;
  readonly traceresponse: string;
  private readonly parts: RequestParts;
  private readonly span: Span;
  /** What is added to the clock's time, to give milliseconds since 1970. */
  private readonly originMs: number;

  constructor(head: RequestHead, parts: RequestParts) {
    this.parts = parts;
    const nowMs = parts.nowMs();
    this.originMs = Date.now() - nowMs;
    const { route, path, userAgent } = head;
    const method = knownMethod(head.method);
    this.span = parts.tracer.startSpan(
      route === '' ? method : `${method} ${route}`,
      {
        kind: SpanKind.SERVER,
        startTime: this.originMs + nowMs,
        attributes: {
          'http.request.method': method,
          'url.path': cut(path),
          'url.scheme': 'http',
          ...(route === '' ? {} : { 'http.route': route }),
          ...(userAgent === undefined ? {} : { 'user_agent.original': cut(userAgent) }),
        },
      },
      parentOf(head.traceparent),
    );
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    this.ids = { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
    this.traceresponse = formatTraceparent(this.ids);
  }

  inference(inference: Inference): void {
    if (!this.ids.isSampled) return;
    const { tracer, hasContent } = this.parts;
    const startTime = this.originMs + inference.startMs;
    const attributes = inferenceAttributes(inference, hasContent);
    const options = { kind: SpanKind.INTERNAL, startTime, attributes };
    const span = tracer.startSpan(inferenceName(inference), options, trace.setSpan(ROOT_CONTEXT, this.span));
    if (inference.errorType !== null) fail(span, inference.errorType);
    this.phases(inference, trace.setSpan(ROOT_CONTEXT, span));
    span.end(this.originMs + inference.endMs);
  }

  end({ status }: RequestEnd): void {
    if (status !== null) this.span.setAttribute('http.response.status_code', status);
    if (status === null) fail(this.span, clientLeft);
    else if (status >= 500) fail(this.span, String(status));
    this.span.end(this.originMs + this.parts.nowMs());
  }

  private phases(inference: Inference, context: Context): void {
    for (const { name, fromMs, untilMs } of phasesOf(inference)) {
      const options = { kind: SpanKind.INTERNAL, startTime: this.originMs + fromMs };
      this.parts.tracer.startSpan(name, options, context).end(this.originMs + untilMs);
    }
  }
}

function parentOf(traceparent: string | undefined): Context {
  const ids = parseTraceparent(traceparent);
  if (ids === null) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = ids;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function fail(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
