/**
 * Latencies by how busy the engine was: between yesterday and today, unlike between two arms of the same hour, a difference
 * of load is more likely than one of versions.
 */
import { LatencyWindow } from './latency-window.ts';

/** Of 1, 2-3, 4-7, 8-15, 16-31, and 32 or more requests. */
const numClasses = 6;
const maxValues = 128;

/** One list per class, at most all of them. */
export type LoadWindowsState = readonly (readonly number[])[];

export class LoadWindows {
  private readonly windows: readonly LatencyWindow[];

  constructor(state: LoadWindowsState = []) {
    this.windows = Array.from(
      { length: numClasses },
      (_, index) => new LatencyWindow(state[index] ?? [], maxValues),
    );
  }

  /** The window of answers at about this load. */
  at(load: number): LatencyWindow {
    const index = Math.floor(Math.log2(Math.max(1, load)));
    return this.windows[Math.min(index, numClasses - 1)]!;
  }

  state(): LoadWindowsState {
    return this.windows.map((window) => window.state());
  }

  /** Adds what another one holds. */
  absorb(other: LoadWindows): void {
    for (const [index, window] of this.windows.entries())
      for (const valueMs of other.windows[index]!.state()) window.add(valueMs);
  }
}
