/** How late the event loop is: the time that a timer waits beyond its due, sampled by Node itself. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Sample } from './instruments.ts';

/** Between two samples. A shorter one would notice shorter delays, and cost more. */
const resolutionMs = 10;
const nanosecond = 1e-9;

export class EventLoopLag {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.histogram.enable();
  }

  /** Seconds since the last call, the resolution taken off. */
  read(): readonly Sample[] {
    const { histogram } = this;
    const seconds = (value: number): number =>
      Number.isFinite(value) ? Math.max(0, value * nanosecond - resolutionMs / 1000) : 0;
    const samples: readonly Sample[] = [
      [{ stat: 'p50' }, seconds(histogram.percentile(50))],
      [{ stat: 'p99' }, seconds(histogram.percentile(99))],
      [{ stat: 'max' }, seconds(histogram.max)],
    ];
    histogram.reset();
    return samples;
  }
}
