/** An exporter whose failures are told, now and then: a collector that is away is no reason to fill a log. */

/** As OpenTelemetry's exporters tell how it went. */
export type OnResult = (result: { readonly code: number; readonly error?: Error }) => void;

/** What is needed of an exporter of spans, or of metrics. */
export interface Exporter<Batch> {
  export(batch: Batch, onResult: OnResult): void;
  shutdown(): Promise<void>;
}

export interface ExporterWatch<Batch> {
  /** Where to, as a log may name it. */
  readonly to: string;
  /** Of traces or metrics, counted in. */
  readonly signal: 'traces' | 'metrics';
  readonly unit: string;
  readonly size: (batch: Batch) => number;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}

const warnEveryMs = 60_000;
/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const success = 0;

export class WatchedExporter<Batch> implements Exporter<Batch> {
  private readonly inner: Exporter<Batch>;
  private readonly watch: ExporterWatch<Batch>;
  private warnedMs = Number.NEGATIVE_INFINITY;
  private numLost = 0;

  constructor(inner: Exporter<Batch>, watch: ExporterWatch<Batch>) {
    this.inner = inner;
    this.watch = watch;
  }

  export(batch: Batch, onResult: OnResult): void {
    this.inner.export(batch, (result) => {
      if (result.code !== success) this.lost(batch, result.error?.message ?? 'it gave no reason');
      onResult(result);
    });
  }

  /** Whoever wants to wait for what is being sent shuts down. */
  async forceFlush(): Promise<void> {}

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  private lost(batch: Batch, reason: string): void {
    const { size, signal, unit, to, warn } = this.watch;
    this.numLost += size(batch);
    const nowMs = this.watch.nowMs();
    if (nowMs - this.warnedMs < warnEveryMs) return;
    this.warnedMs = nowMs;
    warn(`${signal}: ${this.numLost} ${unit} could not be sent to ${to}: ${reason}`);
  }
}
