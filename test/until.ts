/** Waiting in tests, for a bounded time. */

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks every few milliseconds. Throws when it is not so within the time. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what = String(isSo),
  maxMs = 5_000,
): Promise<number> {
  const beginMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - beginMs > maxMs) throw new Error(`not within ${maxMs} ms: ${what}`);
    await pause(2);
  }
  return performance.now() - beginMs;
}
