/** Which tenant's rows are learned next, and which of them. Pure. */
import type { Line, Waiting } from './line.ts';

export interface Trigger {
  /** So many rows are learned at once; more are no reason to wait. */
  readonly maxNew: number;
  readonly maxNewPerAccount: number;
  /** Fewer rows wait this long for others. */
  readonly settleMs: number;
}

/** The tenant whose oldest row has waited the longest, among those that are due; null when none is. */
export function dueTenant(
  lines: Readonly<Record<string, Line>>,
  trigger: Trigger,
  nowMs: number,
): string | null {
  let due: { tenant: string; sinceMs: number } | null = null;
  for (const [tenant, { waiting }] of Object.entries(lines)) {
    const [first] = waiting;
    if (first === undefined) continue;
    const waitedMs = nowMs - first.sinceMs;
    // A row of the future came before the clock was set back: how long it has waited is not known any more.
    const isDue = waiting.length >= trigger.maxNew || waitedMs < 0 || waitedMs >= trigger.settleMs;
    if (isDue && first.sinceMs < (due?.sinceMs ?? Number.POSITIVE_INFINITY)) {
      due = { tenant, sinceMs: first.sinceMs };
    }
  }
  return due?.tenant ?? null;
}

/** The oldest rows, as many as one update takes, and of no account too many. A row that was refused goes alone. */
export function nextRows(
  waiting: readonly Waiting[],
  { maxNew, maxNewPerAccount }: Omit<Trigger, 'settleMs'>,
): readonly Waiting[] {
  const [first] = waiting;
  if (first === undefined) return [];
  if (first.refusals > 0) return [first];
  const counts = new Map<string, number>();
  const rows: Waiting[] = [];
  for (const each of waiting) {
    const count = counts.get(each.example.account) ?? 0;
    if (rows.length === maxNew) break;
    if (each.refusals > 0 || count >= maxNewPerAccount) continue;
    counts.set(each.example.account, count + 1);
    rows.push(each);
  }
  return rows;
}
