/** Work with an end: it is given up when it takes too long or is not wanted any more, whether or not it heeds its signal. */
import { MillraceError } from './errors.ts';

const retryAfterMs = 1_000;

/** Throws engine_unavailable when `maxWaitMs` are over, and the reason of `unwanted`. */
export async function within<T>(
  maxWaitMs: number,
  unwanted: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  unwanted?.throwIfAborted();
  const over = new AbortController();
  const reason = `no answer within ${maxWaitMs} ms`;
  const late = new MillraceError('engine_unavailable', { reason, retryAfterMs });
  const timer = setTimeout(() => over.abort(late), maxWaitMs);
  const giveUp = () => over.abort(unwanted?.reason);
  unwanted?.addEventListener('abort', giveUp);
  try {
    return await Promise.race([work(over.signal), aborted(over.signal)]);
  } finally {
    clearTimeout(timer);
    unwanted?.removeEventListener('abort', giveUp);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
