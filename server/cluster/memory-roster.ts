/** The replicas within this process: of a single server, itself. */
import type { Clock } from '../../core/clock.ts';
import { statusText } from './check-status.ts';
import { type LiveReplica, maxReplicas, type ReplicaStatus, type Roster } from './roster.ts';

export interface MemoryRosterOptions {
  readonly clock: Clock;
  /** From an announcement on. */
  readonly ttlMs: number;
}

export class MemoryRoster implements Roster {
  private readonly options: MemoryRosterOptions;
  private readonly seen = new Map<string, { readonly text: string; readonly atMs: number }>();

  constructor(options: MemoryRosterOptions) {
    this.options = options;
  }

  async announce(status: ReplicaStatus): Promise<void> {
    const text = statusText(status);
    this.forget();
    if (!this.seen.has(status.id) && this.seen.size >= maxReplicas) return;
    this.seen.set(status.id, { text, atMs: this.options.clock.nowMs() });
  }

  async leave(id: string): Promise<void> {
    this.seen.delete(id);
  }

  async list(): Promise<readonly LiveReplica[]> {
    this.forget();
    const nowMs = this.options.clock.nowMs();
    return [...this.seen]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { text, atMs }]) => ({ ...(JSON.parse(text) as ReplicaStatus), seenMsAgo: nowMs - atMs }));
  }

  private forget(): void {
    const { clock, ttlMs } = this.options;
    for (const [id, { atMs }] of this.seen) if (clock.nowMs() - atMs > ttlMs) this.seen.delete(id);
  }
}
