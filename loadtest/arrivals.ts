/** When requests are sent: by a fixed number of clients, each after its answer, or at random times whatever happens. */

export interface Load {
  /** Starts request number `index`; resolves when it has ended. */
  readonly send: (index: number) => Promise<void>;
  readonly numRequests: number;
  readonly maxMs: number;
}

/** Closed loop: `numClients` send their next request as soon as they have their answer. */
export async function closedLoop(load: Load, numClients: number): Promise<void> {
  const endMs = performance.now() + load.maxMs;
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < load.numRequests && performance.now() < endMs) await load.send(next++);
  };
  await Promise.all(Array.from({ length: numClients }, client));
}

/** Open loop: Poisson arrivals, exponential gaps with the mean 1 / rate. */
export async function openLoop(
  load: Load,
  options: { perSecond: number; random: () => number },
): Promise<void> {
  const startMs = performance.now();
  const running: Promise<void>[] = [];
  for (const [index, atMs] of arrivalTimes(load.numRequests, options).entries()) {
    if (atMs > load.maxMs) break;
    const waitMs = startMs + atMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(load.send(index));
  }
  await Promise.all(running);
}

/** Milliseconds from the start. */
export function arrivalTimes(count: number, options: { perSecond: number; random: () => number }): number[] {
  let atMs = 0;
  return Array.from({ length: count }, () => {
    atMs += (-Math.log(1 - options.random()) * 1000) / options.perSecond;
    return atMs;
  });
}
