/** Every request, from its head to its end, is counted, timed and traced, whatever becomes of it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import type { Metrics } from '../observability/metrics.ts';
import { clientLeft } from '../observability/request-metrics.ts';
import type { RequestTrace, Tracing } from '../observability/tracing.ts';

export interface RequestWatch {
  readonly metrics: Metrics;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly clock: Clock;
}

export interface Watched {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Template of the path; empty where no route matched. */
  readonly route: string;
}

/** Asked every few seconds, for ever: nobody wants to see it among traces. */
const isProbe = (route: string): boolean => route === '/metrics' || route.startsWith('/health/');

/** To be called before anything else is done with a request. */
export function watchRequest(
  { metrics, tracing, clock }: RequestWatch,
  { request, reply, route }: Watched,
): void {
  const startMs = clock.nowMs();
  const { method } = request;
  metrics.http.began(method);
  const trace = tracing === null || isProbe(route) ? null : beginTrace(tracing, { request, reply, route });
  reply.raw.once('close', () => {
    const status = reply.raw.writableFinished ? reply.raw.statusCode : clientLeft;
    metrics.http.ended({ method, route, status, tookMs: clock.nowMs() - startMs });
    trace?.end({ status: status === clientLeft ? null : status });
  });
}

/** What the head of an answer that is not sent by `reply` says of its trace. */
export const traceHeaders = ({ trace }: FastifyRequest): Record<string, string> =>
  trace === null ? {} : { traceresponse: trace.traceresponse };

/** What a line of the log about a request says of its trace. */
export const traceFields = ({ trace }: FastifyRequest): { trace_id?: string; span_id?: string } =>
  trace === null ? {} : { trace_id: trace.ids.traceId, span_id: trace.ids.spanId };

function beginTrace(tracing: Tracing, { request, reply, route }: Watched): RequestTrace {
  const { traceparent, 'user-agent': userAgent } = request.headers;
  const trace = tracing.request({
    method: request.method,
    route,
    path: request.url.split('?', 1)[0]!,
    userAgent,
    // Sent twice, it is none.
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  });
  request.trace = trace;
  reply.header('traceresponse', trace.traceresponse);
  return trace;
}
