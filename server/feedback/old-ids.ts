/** Which ids a log holds, of all of its records, read once when somebody needs to know; 8 bytes and a set's overhead each. */
import { createHash } from 'node:crypto';
import { readAll } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';

/** What a Set can hold. Beyond it every id counts as known: a record is missed then, and none is there twice. */
const maxIds = 2 ** 24 - 1;

export class OldIds {
  private readonly digests = new Set<number>();

  private constructor() {}

  static async read(folder: string): Promise<OldIds> {
    const ids = new OldIds();
    for await (const { record } of readAll(folder, (json) => ({ id: (json as LogRecord).id })))
      ids.add(record.id);
    return ids;
  }

  add(id: string): void {
    if (this.digests.size < maxIds) this.digests.add(digestOf(id));
  }

  has(id: string): boolean {
    return this.digests.size >= maxIds || this.digests.has(digestOf(id));
  }
}

/** 48 bits: among ten million ids, a new one is taken for a known one once in thirty million times. */
const digestOf = (id: string): number => createHash('sha256').update(id).digest().readUIntBE(0, 6);
