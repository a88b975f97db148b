/** Tells listeners of a document that changes elsewhere: asks for its revision again and again, and at once when hinted to. */
import type { Aliases } from '../../core/registry/aliases.ts';
import type { AliasesListener } from '../cluster/shared-aliases.ts';

export interface WatchedAliases {
  /** Cheap; null when there is no document. */
  revision(): Promise<number | null>;
  read(): Promise<Aliases | null>;
}

/** Between two looks without a hint. */
const everyMs = 1_000;

export class AliasesWatch {
  private readonly source: WatchedAliases;
  /** The revision that each has been told of; undefined of one that has heard nothing yet. */
  private readonly listeners = new Map<AliasesListener, number | null | undefined>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | null = null;
  private isHinted = false;
  private isClosed = false;

  constructor(source: WatchedAliases) {
    this.source = source;
  }

  add(listener: AliasesListener): () => void {
    this.listeners.set(listener, undefined);
    this.hint();
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** The document may have changed. */
  hint(): void {
    if (this.isClosed) return;
    if (this.looking !== null) {
      this.isHinted = true;
      return;
    }
    clearTimeout(this.timer);
    this.looking = this.look().finally(() => this.looked());
  }

  /** Nobody is told any more when this has settled. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.listeners.clear();
    clearTimeout(this.timer);
    await this.looking;
  }

  private looked(): void {
    this.looking = null;
    if (this.isClosed) return;
    const { isHinted } = this;
    this.isHinted = false;
    if (isHinted) this.hint();
    else if (this.listeners.size > 0) this.timer = setTimeout(() => this.hint(), everyMs);
  }

  /** What cannot be reached now is looked at the next time. */
  private async look(): Promise<void> {
    try {
      const revision = await this.source.revision();
      const isNews = [...this.listeners.values()].some((told) => told !== revision);
      if (isNews) this.tell(await this.source.read());
    } catch {}
  }

  private tell(aliases: Aliases | null): void {
    const revision = aliases?.revision ?? null;
    for (const [listener, told] of this.listeners) {
      if (told === revision) continue;
      this.listeners.set(listener, revision);
      listener(aliases);
    }
  }
}
