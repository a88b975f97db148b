/** The newest rows of the feedback log by id and by idempotency key, and the newest fates. Bounded; the oldest go. */
import { readLog } from '../../core/feedback/log-reader.ts';
import type { Fate, FeedbackRecord, LogRecord } from '../../core/feedback/record.ts';
import { logStart, type Position } from '../../core/feedback/segments.ts';

export class FeedbackIndex {
  private readonly maxRows: number;
  private readonly rows = new Map<string, FeedbackRecord>();
  private readonly byKey = new Map<string, FeedbackRecord>();
  private readonly fates = new Map<string, Fate>();
  private fatesRead: Position = logStart;

  constructor(maxRows: number) {
    this.maxRows = maxRows;
  }

  /** Reads the log from its start. */
  async load(folder: string): Promise<void> {
    for (let position = logStart; ; ) {
      const read = await readLog(folder, position, (json) => json as LogRecord);
      if (read.records.length === 0) return;
      for (const { record } of read.records) if (record.type === 'feedback') this.add(record);
      position = read.position;
    }
  }

  add(record: FeedbackRecord): void {
    put(this.rows, record.id, record, this.maxRows);
    const { idempotency, account } = record;
    if (idempotency !== null) put(this.byKey, keyOf(account, idempotency.key), record, this.maxRows);
  }

  get(id: string): FeedbackRecord | null {
    return this.rows.get(id) ?? null;
  }

  byIdempotencyKey(account: string, key: string): FeedbackRecord | null {
    return this.byKey.get(keyOf(account, key)) ?? null;
  }

  /** The newest fate of a row, with what has been written to the log of fates since. */
  async fateOf(id: string, folder: string): Promise<Fate | null> {
    for (;;) {
      const read = await readLog(folder, this.fatesRead, (json) => json as Fate);
      for (const { record } of read.records) put(this.fates, record.id, record, this.maxRows);
      this.fatesRead = read.position;
      if (read.records.length === 0) return this.fates.get(id) ?? null;
    }
  }
}

const keyOf = (account: string, key: string): string => `${account}/${key}`;

function put<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value!);
}
