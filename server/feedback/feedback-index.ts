/**
 * Where the newest rows of the feedback log are, by id and by idempotency key. Bounded; the oldest go. Holds places and
 * owners, no texts: these stay on the disk.
 */
import { type Read, readAll } from '../../core/feedback/log-reader.ts';
import { parseLogRecord } from '../../core/feedback/parse-record.ts';
import type { FeedbackRecord, LogRecord } from '../../core/feedback/record.ts';
import { listSegments, logStart, type Position, segmentPath } from '../../core/feedback/segments.ts';
import { readPart } from './read-part.ts';

interface Row {
  readonly tenant: string;
  readonly account: string;
  readonly segment: number;
  /** The row's line is the last one between these. */
  readonly start: number;
  readonly end: number;
}

/** A row that an idempotency key has led to. */
export interface KeyedRow {
  readonly id: string;
  readonly digest: string;
}

type KnownRow = Pick<FeedbackRecord, 'type' | 'id' | 'tenant' | 'account' | 'idempotency'>;
type Known = KnownRow | Pick<Exclude<LogRecord, FeedbackRecord>, 'type' | 'id'>;
type Indexed = Read<Known>;

export class FeedbackIndex {
  private readonly folder: string;
  private readonly maxRows: number;
  private readonly rows = new Map<string, Row>();
  private readonly byKey = new Map<string, KeyedRow>();
  /** Ids of records that are no rows. */
  private readonly others = new Map<string, true>();
  private added: Position = logStart;
  private hasAll = true;

  private constructor(folder: string, maxRows: number) {
    this.folder = folder;
    this.maxRows = maxRows;
  }

  /** Reads as much of the log's end as there are rows to be known. */
  static async open(folder: string, maxRows: number): Promise<FeedbackIndex> {
    const index = new FeedbackIndex(folder, maxRows);
    const segments = await listSegments(folder);
    const newest: Indexed[][] = [];
    for (let left = maxRows; left > 0 && segments.length > 0; left -= newest[0]!.length)
      newest.unshift(await recordsOfSegment(folder, segments.pop()!));
    index.hasAll = segments.length === 0;
    for (const { record, position } of newest.flat()) index.add(record, position);
    return index;
  }

  /** Records are added in the order of the log, each with the place behind it. */
  add(record: Known, behind: Position): void {
    if (record.type === 'feedback') this.addRow(record, behind);
    else if (put(this.others, record.id, true, this.maxRows)) this.hasAll = false;
    this.added = behind;
  }

  /** Whether nothing of the log is too old for it. */
  get isComplete(): boolean {
    return this.hasAll;
  }

  /** The row is not in the log any more. */
  forget(id: string): void {
    this.rows.delete(id);
  }

  /** Whether a record of this id is in the log; of those that are too old it is not known any more. */
  has(id: string): boolean {
    return this.rows.has(id) || this.others.has(id);
  }

  private addRow({ id, tenant, account, idempotency }: KnownRow, behind: Position): void {
    const start = this.added.segment === behind.segment ? this.added.offset : 0;
    const isOver = put(
      this.rows,
      id,
      { tenant, account, segment: behind.segment, start, end: behind.offset },
      this.maxRows,
    );
    if (isOver) this.hasAll = false;
    if (idempotency !== null)
      put(this.byKey, idempotency.key, { id, digest: idempotency.digest }, this.maxRows);
  }

  tenantOf(id: string): string | null {
    return this.rows.get(id)?.tenant ?? null;
  }

  byIdempotencyKey(key: string): KeyedRow | null {
    return this.byKey.get(key) ?? null;
  }

  /** Null when it is not known, or no longer in the log. */
  async get(id: string): Promise<FeedbackRecord | null> {
    const row = this.rows.get(id);
    if (row === undefined) return null;
    const { segment, start, end } = row;
    const text = await readPart(segmentPath(this.folder, segment), start, end - start);
    const record = text === null ? null : parse(text.trimEnd().split('\n').at(-1)!);
    return record?.type === 'feedback' && record.id === id ? record : null;
  }

  /** All of them that are in the log, also those that are no longer found by id. */
  async rowsOfAccount(tenant: string, account: string): Promise<string[]> {
    const ids: string[] = [];
    if (this.hasAll) {
      for (const [id, row] of this.rows) if (row.tenant === tenant && row.account === account) ids.push(id);
    } else {
      for await (const { record } of rowsOf(this.folder)) {
        if (record.tenant === tenant && record.account === account) ids.push(record.id);
      }
    }
    return ids;
  }
}

/** Without their texts. */
async function recordsOfSegment(folder: string, segment: number): Promise<Indexed[]> {
  const known: Indexed[] = [];
  const all = readAll(folder, parseLogRecord, { segment, offset: 0 });
  for await (const { record, position } of all) {
    if (position.segment !== segment) break;
    known.push({ record: knownOf(record), position });
  }
  return known;
}

function knownOf(record: LogRecord): Known {
  const { type, id } = record;
  if (type !== 'feedback') return { type, id };
  const { tenant, account, idempotency } = record;
  return { type, id, tenant, account, idempotency };
}

function rowsOf(folder: string) {
  return readAll(folder, (json) => {
    const record = parseLogRecord(json);
    return record?.type === 'feedback' ? record : null;
  });
}

function parse(line: string): LogRecord | null {
  try {
    return parseLogRecord(JSON.parse(line));
  } catch {
    return null;
  }
}

/** Whether the oldest had to go for it. */
function put<T>(map: Map<string, T>, key: string, value: T, max: number): boolean {
  map.delete(key);
  map.set(key, value);
  return map.size > max && map.delete(map.keys().next().value!);
}
