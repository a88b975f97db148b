/** A collector for tests: takes OTLP over HTTP as JSON, and keeps the spans, and of metrics what came. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Value = string | number | boolean | null | readonly Value[];

export interface ReceivedSpan {
  readonly name: string;
  /** Of OTLP: 1 is internal, 2 is server. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Null of a root. */
  readonly parentId: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly isError: boolean;
  readonly resource: Readonly<Record<string, Value>>;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Bodies as they came. */
  readonly bodies: readonly string[];
  close(): Promise<void>;
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly OtlpValue[] };
}

type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];

interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: OtlpAttributes;
  readonly status?: { readonly code?: number };
}

export interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpAttributes };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const statusError = 2;

function plainOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: OtlpValue): Value {
  if (arrayValue !== undefined) return arrayValue.values.map(plainOf);
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? boolValue ?? doubleValue ?? null;
}

const recordOf = (attributes: OtlpAttributes = []): Record<string, Value> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainOf(value)]));

const millisecondsOf = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

export function spansIn({ resourceSpans }: OtlpBody): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: span.traceId,
        spanId: span.spanId,
        parentId: span.parentSpanId || null,
        startMs: millisecondsOf(span.startTimeUnixNano),
        endMs: millisecondsOf(span.endTimeUnixNano),
        attributes: recordOf(span.attributes),
        isError: span.status?.code === statusError,
        resource: recordOf(resource.attributes),
      })),
  );
}

/** `answer` says what it does with a request; without it, all are taken. */
export async function startOtlpReceiver(answer: 'take' | 'never' = 'take'): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    if (answer === 'never') return;
    let body = '';
    for await (const part of request) body += part;
    const isTraces = request.method === 'POST' && request.url === '/v1/traces';
    const isMetrics = request.method === 'POST' && request.url === '/v1/metrics';
    if (isTraces || isMetrics) bodies.push(body);
    if (isTraces) spans.push(...spansIn(JSON.parse(body) as OtlpBody));
    response.writeHead(isTraces || isMetrics ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
