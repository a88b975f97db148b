/** Metrics that are sent to a collector, as the rest of the server sees them. */
import type { Reading } from './instruments.ts';
import type { Sender } from './otlp-resource.ts';

export interface MetricsPush {
  /** Sends them once more, within a limit. Never throws. */
  close(): Promise<void>;
}

export interface MetricsPushOptions extends Sender {
  /** Base URL of a collector that takes OTLP over HTTP. */
  readonly endpoint: string;
  readonly intervalMs: number;
  /** Is asked each time. */
  readonly read: () => Promise<readonly Reading[]>;
  /** Since 1970. */
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}
