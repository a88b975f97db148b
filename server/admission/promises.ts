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
/** So many of those that were told a time would have had their work since the last one was: nobody is refused any more. */
const quietWorks = 10;

interface Promised {
  /** When everything that was promised will be done. */
  readonly doneAtMs: number;
  /** When the last one was told a time. */
  readonly atMs: number;
  /** Of the last one. */
  readonly workMs: number;
}

export class Promises {
  private readonly clock: Clock;
  private readonly promised = new Map<string, Promised>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Milliseconds from now: not before `excessMs`, nor before what was promised to others has had its `workMs`. */
  give(tenant: string, excessMs: number, workMs: number): number {
    const nowMs = this.clock.nowMs();
    const earliestMs = Math.max(nowMs + excessMs, this.promised.get(tenant)?.doneAtMs ?? 0);
    const atMs = Math.min(earliestMs, nowMs + longestMs);
    this.promised.delete(tenant);
    this.promised.set(tenant, { doneAtMs: atMs + workMs, atMs: nowMs, workMs });
    if (this.promised.size > maxTenants) this.promised.delete(this.promised.keys().next().value!);
    return atMs - nowMs;
  }

  /**
   * There is room now, so that whoever is refused next need not wait for those that have not come. While others are still
   * being refused it is only a gap between two, and changes nothing.
   */
  forget(tenant: string): void {
    const promised = this.promised.get(tenant);
    if (promised === undefined) return;
    if (this.clock.nowMs() - promised.atMs >= quietWorks * promised.workMs) this.promised.delete(tenant);
  }
}
