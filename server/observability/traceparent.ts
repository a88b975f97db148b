/** The header `traceparent` (W3C Trace Context, level 1): which span of which trace a request belongs to. */

export interface SpanIds {
  /** 32 and 16 digits, lower-case hex. */
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

const sampled = 1;
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Null for what is none: the request then begins a trace of its own. */
export function parseTraceparent(header: string | undefined): SpanIds | null {
  const [, version, traceId, spanId, flags, more] = pattern.exec(header ?? '') ?? [];
  if (version === undefined || version === 'ff') return null;
  // Later versions may say more; the first one may not.
  if (version === '00' && more !== undefined) return null;
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return null;
  return { traceId: traceId!, spanId: spanId!, isSampled: (Number.parseInt(flags!, 16) & sampled) !== 0 };
}

export const formatTraceparent = ({ traceId, spanId, isSampled }: SpanIds): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
