/**
 * When requests are sent: by a fixed number of clients, each after its answer, or at given times whatever happens. In the
 * open loop a request knows when it was meant to be sent, and its latency counts from there: a generator or a server that
 * stalls cannot make the requests of that time look fast (Tene, "How NOT to measure latency": coordinated omission).
 */

export interface Load {
  /** Starts request number `index`; resolves when it has ended. */
  readonly send: (index: number, intendedMs: number) => Promise<unknown>;
  readonly numRequests: number;
  /** No new request after this. */
  readonly maxMs: number;
  /** No new request once it is raised. */
  readonly signal?: AbortSignal | undefined;
}

/** Closed loop: `numClients` send their next request as soon as they have their answer. */
export async function closedLoop(load: Load, numClients: number): Promise<void> {
  const endMs = performance.now() + load.maxMs;
  let next = 0;
  const isOver = (): boolean =>
    next >= load.numRequests || performance.now() >= endMs || load.signal?.aborted === true;
  const client = async (): Promise<void> => {
    while (!isOver()) await load.send(next++, performance.now());
  };
  await Promise.all(Array.from({ length: Math.min(numClients, load.numRequests) }, client));
}

/** Open loop: one request at each of the times, milliseconds from the start, in order. */
export async function openLoop(load: Load, times: readonly number[]): Promise<void> {
  const startMs = performance.now();
  const running: Promise<unknown>[] = [];
  for (const [index, atMs] of times.slice(0, load.numRequests).entries()) {
    if (atMs > load.maxMs || load.signal?.aborted) break;
    const waitMs = startMs + atMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(load.send(index, startMs + atMs));
  }
  await Promise.all(running);
}

/** Poisson arrivals: exponential gaps with the mean 1 / rate. Milliseconds from the start. */
export function poissonTimes(
  count: number,
  { perSecond, random }: { readonly perSecond: number; readonly random: () => number },
): number[] {
  let atMs = 0;
  return Array.from({ length: count }, () => {
    atMs += (-Math.log(1 - random()) * 1000) / perSecond;
    return atMs;
  });
}

/** `size` at one moment, `count` times, `everyMs` apart. */
export function burstTimes(count: number, { size, everyMs }: { size: number; everyMs: number }): number[] {
  return Array.from({ length: count * size }, (_, index) => Math.floor(index / size) * everyMs);
}
