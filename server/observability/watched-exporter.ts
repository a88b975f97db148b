/** An exporter whose failures are told, now and then: a collector that is away is no reason to fill a log. */
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

type OnResult = Parameters<SpanExporter['export']>[1];

export interface ExporterWatch {
  /** Where to, as a log may name it. */
  readonly to: string;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}

const warnEveryMs = 60_000;
/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const success = 0;

export class WatchedExporter implements SpanExporter {
  private readonly inner: SpanExporter;
  private readonly watch: ExporterWatch;
  private warnedMs = Number.NEGATIVE_INFINITY;
  private numLost = 0;

  constructor(inner: SpanExporter, watch: ExporterWatch) {
    this.inner = inner;
    this.watch = watch;
  }

  export(spans: ReadableSpan[], onResult: OnResult): void {
    this.inner.export(spans, (result) => {
      if (result.code !== success) this.lost(spans.length, result.error?.message ?? 'it gave no reason');
      onResult(result);
    });
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  private lost(numSpans: number, reason: string): void {
    this.numLost += numSpans;
    const nowMs = this.watch.nowMs();
    if (nowMs - this.warnedMs < warnEveryMs) return;
    this.warnedMs = nowMs;
    this.watch.warn(`traces: ${this.numLost} spans could not be sent to ${this.watch.to}: ${reason}`);
  }
}
