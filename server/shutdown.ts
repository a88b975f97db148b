/**
 * An orderly end: the first signal drains, a second one ends at once. A pure state and a list of things to close;
 * knows neither process nor sockets, which are handed in.
 */

import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/message-of.ts';

export interface ShutdownOptions {
  readonly clock: Clock;
  /** Closes everything in order, letting running requests finish. */
  readonly drain: () => Promise<void>;
  /** Running requests are cut off after this. */
  readonly drainMs: number;
  /** Ends what still runs with an error, so that the drain comes to its end. */
  readonly cutOff: () => Promise<void>;
  /** The end comes so long after the cut-off, whatever is left. */
  readonly cutOffMs: number;
  readonly note: (text: string) => void;
  readonly exit: (code: number) => void;
}

/** Ctrl-C in `npm start` reaches the server twice, from the terminal and from npm; that is one signal. */
const sameSignalMs = 300;
const cutText = 'running requests were cut off';

/** The handler for SIGTERM and SIGINT. */
export function createShutdown(options: ShutdownOptions): (signal: string) => void {
  let firstMs: number | null = null;
  return (signal) => {
    const nowMs = options.clock.nowMs();
    if (firstMs === null) {
      firstMs = nowMs;
      void endGently(signal, options);
    } else if (nowMs - firstMs > sameSignalMs) {
      options.note(`${signal} again: ending now`);
      options.exit(1);
    }
  };
}

async function endGently(signal: string, options: ShutdownOptions): Promise<void> {
  const { drain, drainMs, cutOff, cutOffMs, note, exit } = options;
  note(`${signal}: finishing running requests, at most ${drainMs} ms; once more ends at once`);
  const drained = drain().then(
    () => 'stopped',
    (error: unknown) => `stopped badly: ${textOf(error)}`,
  );
  const first = await within(drainMs, drained);
  if (first === null) {
    const cut = cutOff().catch((error: unknown) => note(`cut off badly: ${textOf(error)}`));
    await within(cutOffMs, Promise.all([cut, drained]));
  }
  note(first ?? cutText);
  exit(first === 'stopped' ? 0 : 1);
}

/** Null when it takes longer. */
async function within<T>(limitMs: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const textOf = (error: unknown): string => messageOf(error);
