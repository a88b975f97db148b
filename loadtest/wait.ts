/** Waiting with a limit, always. */

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Deadline {
  private readonly endMs: number;

  constructor(ms: number) {
    this.endMs = performance.now() + ms;
  }

  get isOver(): boolean {
    return performance.now() >= this.endMs;
  }

  /** Milliseconds that are left, at most `mostMs`. */
  left(mostMs: number): number {
    return Math.max(0, Math.min(mostMs, this.endMs - performance.now()));
  }
}

/** Asks until the answer is not null, or the time is over: then null. */
export async function until<Value>(
  ask: () => Promise<Value | null>,
  { everyMs, maxMs }: { readonly everyMs: number; readonly maxMs: number },
): Promise<Value | null> {
  const deadline = new Deadline(maxMs);
  for (;;) {
    const value = await ask();
    if (value !== null || deadline.isOver) return value;
    await pause(deadline.left(everyMs));
  }
}

/** Runs over all items, `width` at a time; results in the order of the items. */
export async function inParallel<Item, Value>(
  items: readonly Item[],
  width: number,
  run: (item: Item, index: number) => Promise<Value>,
): Promise<Value[]> {
  const values: Value[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      values[index] = await run(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return values;
}

/** The same for those that are begun before the deadline; what the others would have given is left out. */
export async function inParallelUntil<Item, Value>(
  deadline: Deadline,
  items: readonly Item[],
  width: number,
  run: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const values = await inParallel(items, width, async (item) =>
    deadline.isOver ? null : { value: await run(item) },
  );
  return values.flatMap((each) => (each === null ? [] : [each.value]));
}
