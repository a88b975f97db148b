/** States what must hold whatever the input; a failure is a bug in Millrace, never a user's mistake. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${what}`);
}
