/** The newest fates of rows, as far as the trainer has written them. Bounded; the oldest go. */
import { readAll } from '../../core/feedback/log-reader.ts';
import { parseFate } from '../../core/feedback/parse-record.ts';
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
      for await (const { record, position } of readAll(this.folder, parseFate, this.read)) {
        this.put(record);
        this.read = position;
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
