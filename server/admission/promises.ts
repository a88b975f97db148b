/**
 * Times to come back, each told to one request: the next one of the same tenant is told a later time, after the work of
 * those that were told one before. Told the same time, they would all come at once, and all but the first would be
 * refused again. (A virtual clock per tenant, as in the generic cell rate algorithm, ITU-T I.371.)
 */
import type { Clock } from '../../core/clock.ts';

/** Clients do not wait longer than this. */
const longestMs = 60_000;
/** Tenants remembered; the one that was told a time longest ago is forgotten. */
const maxTenants = 10_000;

export class Promises {
  private readonly clock: Clock;
  /** When everything that was promised will be done. */
  private readonly doneAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Milliseconds from now: not before `excessMs`, nor before what was promised to others has had its `workMs`. */
  give(tenant: string, excessMs: number, workMs: number): number {
    const nowMs = this.clock.nowMs();
    const earliestMs = Math.max(nowMs + excessMs, this.doneAtMs.get(tenant) ?? 0);
    const atMs = Math.min(earliestMs, nowMs + longestMs);
    this.doneAtMs.delete(tenant);
    this.doneAtMs.set(tenant, atMs + workMs);
    if (this.doneAtMs.size > maxTenants) this.doneAtMs.delete(this.doneAtMs.keys().next().value!);
    return atMs - nowMs;
  }

  /** There is room now, so that whoever is refused next need not wait for those that have not come. */
  forget(tenant: string): void {
    this.doneAtMs.delete(tenant);
  }
}
