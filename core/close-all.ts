/** What was opened one after the other is closed in turn, the last that was opened first. */
export type Closer = () => Promise<void> | void;

/** Empties the list, so that a second call closes nothing again. Rejects with the first failure. */
export async function closeAll(closers: Closer[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
