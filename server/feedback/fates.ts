/** The newest fates of rows, as far as the trainer has written them. Bounded; the oldest go. */
import { readLog } from '../../core/feedback/log-reader.ts';
import type { Fate } from '../../core/feedback/record.ts';
import { logStart, type Position } from '../../core/feedback/segments.ts';
import { Turns } from '../../core/turns.ts';

export class Fates {
  private readonly folder: string;
  private readonly maxFates: number;
  private readonly newest = new Map<string, Fate>();
  private read: Position = logStart;
  private readonly turns = new Turns();

  constructor(folder: string, maxFates: number) {
    this.folder = folder;
    this.maxFates = maxFates;
  }

  /** Reads what was written since. */
  catchUp(): Promise<void> {
    return this.turns.run(async () => {
      for (;;) {
        const { records, position } = await readLog(this.folder, this.read, (json) => json as Fate);
        for (const { record } of records) this.put(record);
        this.read = position;
        if (records.length === 0) return;
      }
    });
  }

  /** Null while nothing was decided. */
  async of(id: string): Promise<Fate | null> {
    await this.catchUp();
    return this.newest.get(id) ?? null;
  }

  private put(fate: Fate): void {
    this.newest.delete(fate.id);
    this.newest.set(fate.id, fate);
    if (this.newest.size > this.maxFates) this.newest.delete(this.newest.keys().next().value!);
  }
}
