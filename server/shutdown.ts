/**
 * An orderly end: the first signal drains, a second one ends at once. A pure state and a list of things to close;
 * knows neither process nor sockets, which are handed in.
 */
import type { Clock } from '../core/clock.ts';

export interface ShutdownOptions {
  readonly clock: Clock;
  /** Closes everything in order, letting running requests finish. */
  readonly drain: () => Promise<void>;
  /** Running requests are cut off after this. */
  readonly drainMs: number;
  readonly note: (text: string) => void;
  readonly exit: (code: number) => void;
}

/** Ctrl-C in `npm start` reaches the server twice, from the terminal and from npm; that is one signal. */
const sameSignalMs = 300;

/** The handler for SIGTERM and SIGINT. */
export function createShutdown(options: ShutdownOptions): (signal: string) => void {
  let firstMs: number | null = null;
  const end = (code: number, text: string): void => {
    options.note(text);
    options.exit(code);
  };
  return (signal) => {
    const nowMs = options.clock.nowMs();
    if (firstMs !== null) {
      if (nowMs - firstMs > sameSignalMs) end(1, `${signal} again: ending now`);
      return;
    }
    firstMs = nowMs;
    options.note(
      `${signal}: finishing running requests, at most ${options.drainMs} ms; once more ends at once`,
    );
    const timer = setTimeout(() => end(1, 'running requests were cut off'), options.drainMs);
    options
      .drain()
      .finally(() => clearTimeout(timer))
      .then(
        () => end(0, 'stopped'),
        (error: unknown) => end(1, `stopped badly: ${error instanceof Error ? error.message : error}`),
      );
  };
}
