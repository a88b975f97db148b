/** A stream within one process: what the one in Redis does, in the same order, for tests. */
import type { EntryState, LogStream, StreamEntry, StreamRead } from './log-stream.ts';

interface Group {
  /** Of the last entry that was given out. */
  delivered: number;
  readonly pending: Set<number>;
  readMs: number;
}

interface Held {
  readonly number: number;
  readonly text: string;
}

export class FakeLogStream implements LogStream {
  private readonly maxEntries: number;
  /** Monotonic, milliseconds. */
  private readonly nowMs: () => number;
  private readonly groups = new Map<string, Group>();
  private held: Held[] = [];
  private last = 0;

  constructor(maxEntries: number, nowMs: () => number) {
    this.maxEntries = maxEntries;
    this.nowMs = nowMs;
  }

  async append(texts: readonly string[], after: string | null): Promise<string | null> {
    if (after !== null && numberOf(after) > this.last) return null;
    for (const text of texts) this.held.push({ number: ++this.last, text });
    this.held = this.held.slice(-this.maxEntries);
    return idOf(this.last);
  }

  async stateOf(id: string): Promise<EntryState> {
    const number = numberOf(id);
    if (number > this.last) return 'lost';
    return number < this.first ? 'dropped' : 'held';
  }

  async isCut(): Promise<boolean> {
    return this.last >= this.maxEntries;
  }

  async read(name: string, which: 'pending' | 'new', maxEntries: number): Promise<StreamRead> {
    const known = this.groups.get(name);
    const isNew = known === undefined;
    const group = known ?? { delivered: 0, pending: new Set<number>(), readMs: 0 };
    this.groups.set(name, group);
    group.readMs = this.nowMs();
    if (which === 'pending') {
      const numbers = [...group.pending].slice(0, maxEntries);
      return { entries: numbers.map((number) => this.entryOf(number)), isBehind: false, isNew };
    }
    const { delivered } = group;
    const found = this.held.filter(({ number }) => number > delivered).slice(0, maxEntries);
    for (const { number } of found) group.pending.add(number);
    group.delivered = found.at(-1)?.number ?? delivered;
    return {
      entries: found.map(({ number }) => this.entryOf(number)),
      isBehind: delivered > 0 && delivered < this.first,
      isNew,
    };
  }

  async forget(name: string): Promise<boolean> {
    const wasGiven = (this.groups.get(name)?.delivered ?? 0) > 0;
    this.groups.delete(name);
    return wasGiven;
  }

  async acknowledge(name: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.groups.get(name)?.pending.delete(numberOf(id));
  }

  async dropGroups(idleMs: number): Promise<string[]> {
    const over = [...this.groups].filter(([, { readMs }]) => this.nowMs() - readMs > idleMs);
    for (const [name] of over) this.groups.delete(name);
    return over.map(([name]) => name);
  }

  /** Number of the oldest entry that is held, or of the next one. */
  private get first(): number {
    return this.held[0]?.number ?? this.last + 1;
  }

  private entryOf(number: number): StreamEntry {
    return { id: idOf(number), text: this.held[number - this.first]?.text ?? null };
  }
}

const idOf = (number: number): string => `${number}-0`;
const numberOf = (id: string): number => Number(id.split('-')[0]);
