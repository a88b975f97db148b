/**
 * Stored responses and the feedback log, with one owner: what the keeper thread does when it is asked. Redacts before
 * anything is stored. Knows no threads; time comes in.
 */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../../core/errors.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { FeedbackRecord, LogRecord, MemoryRecord, UndoRecord } from '../../core/feedback/record.ts';
import { redact } from '../../core/privacy/redact.ts';
import { composeRecord, mapContext, type Stamp } from './compose.ts';
import { Fates } from './fates.ts';
import { FeedbackIndex } from './feedback-index.ts';
import type { FeedbackRequest } from './feedback-request.ts';
import { rowIdOf, sealed } from './idempotency.ts';
import type { FeedbackView, KeeperCall, KeeperCalls, KeeperOptions } from './keeper-messages.ts';
import { OldIds } from './old-ids.ts';
import { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

type Calls = {
  readonly [Name in KeeperCall]: (ask: KeeperCalls[Name]['ask']) => Promise<KeeperCalls[Name]['answer']>;
};

interface Parts {
  readonly log: LogWriter;
  readonly responses: ResponseStore | null;
  readonly index: FeedbackIndex;
  readonly fates: Fates;
}

const hourMs = 3_600_000;
/** What was received within it is in the index, if it is in the log: this many ms of all that replicas can take. */
const recentMs = 600_000;

export class Archive implements Calls {
  private readonly options: KeeperOptions;
  private readonly parts: Parts;
  /** Milliseconds since 1970. */
  private readonly now: () => number;
  /** Requests with a key that are being written. */
  private readonly underWay = new Map<string, { digest: string; record: Promise<FeedbackRecord> }>();
  /** Records that are being written, by id. */
  private readonly writing = new Map<string, Promise<void>>();
  /** For records that are too old for the index. */
  private oldIds: Promise<OldIds> | null = null;
  private oldIdsUsedMs = 0;

  private constructor(options: KeeperOptions, parts: Parts, now: () => number) {
    this.options = options;
    this.parts = parts;
    this.now = now;
  }

  /** Throws when a folder cannot be used. */
  static async open(options: KeeperOptions, now: () => number): Promise<Archive> {
    const { folders, responses: limits, maxIndexed } = options;
    const log = await LogWriter.open(folders.feedback, options.log);
    const index = await FeedbackIndex.open(folders.feedback, maxIndexed);
    const responses = limits === null ? null : await ResponseStore.open(folders.responses, limits, now());
    const fates = new Fates(folders.fates, maxIndexed);
    await fates.catchUp();
    return new Archive(options, { log, responses, index, fates }, now);
  }

  async put(response: StoredResponse): Promise<StoredResponse | null> {
    const clean = (text: string): string => redact(text).text;
    const context = mapContext(response.context, clean);
    const answers = response.answers.map(clean);
    const kept = { ...response, context, answers };
    await this.parts.responses?.put(kept, this.now());
    return this.options.origin === undefined || this.parts.responses === null ? null : kept;
  }

  async feedback(request: FeedbackRequest): Promise<FeedbackRecord> {
    const idempotency = sealed(request);
    const asked = { ...request, idempotency };
    if (idempotency === null) return this.write(asked);
    const { key, digest } = idempotency;
    const writing = this.underWay.get(key);
    const earlier = writing ?? this.parts.index.byIdempotencyKey(key);
    if (earlier !== null && earlier.digest !== digest) throw new MillraceError('idempotency_conflict');
    if (writing !== undefined) return writing.record;
    const record = this.writeUnlessThere(asked).finally(() => this.underWay.delete(key));
    this.underWay.set(key, { digest, record });
    return record;
  }

  async view({ id, tenant }: { id: string; tenant: string }): Promise<FeedbackView | null> {
    if (this.parts.index.tenantOf(id) !== tenant) return null;
    const record = await this.parts.index.get(id);
    return record === null ? null : { record, fate: await this.parts.fates.of(id) };
  }

  async rows({ tenant, what }: Pick<UndoRecord, 'tenant' | 'what'>): Promise<readonly string[]> {
    const { index } = this.parts;
    if (what.kind === 'account') return index.rowsOfAccount(tenant, what.account);
    return index.tenantOf(what.row) === tenant ? [what.row] : [];
  }

  async undo({ tenant, what, rows }: Pick<UndoRecord, 'tenant' | 'what' | 'rows'>): Promise<UndoRecord> {
    const record: UndoRecord = { type: 'undo', ...this.stamp('undo'), tenant, what, rows };
    await this.append(record);
    return record;
  }

  async amend({ tenant, change }: Pick<MemoryRecord, 'tenant' | 'change'>): Promise<MemoryRecord> {
    const record: MemoryRecord = { type: 'memory', ...this.stamp('change'), tenant, change };
    await this.append(record);
    return record;
  }

  async receive(records: readonly LogRecord[]): Promise<readonly string[]> {
    const wanted: LogRecord[] = [];
    for (const record of records) if (!(await this.isForgotten(record))) wanted.push(record);
    const isNew = await Promise.all(wanted.map((record) => this.append(record)));
    return wanted.filter((_, index) => isNew[index]).map(({ id }) => id);
  }

  /** Whether a record is in the log that the index does not know any more. */
  private async isForgotten({ id, receivedAt }: LogRecord): Promise<boolean> {
    const { index } = this.parts;
    if (index.isComplete || index.has(id) || this.now() - Date.parse(receivedAt) < recentMs) return false;
    this.oldIdsUsedMs = this.now();
    this.oldIds ??= OldIds.read(this.options.folders.feedback).catch((error: unknown) => {
      this.oldIds = null;
      throw error;
    });
    return (await this.oldIds).has(id);
  }

  /** Deletes what has expired, and lets go of what nobody has needed for a while. */
  async expire(): Promise<void> {
    if (this.now() - this.oldIdsUsedMs > recentMs) this.oldIds = null;
    await this.parts.responses?.expire(this.now());
  }

  async close(): Promise<null> {
    await this.parts.log.close();
    await this.parts.responses?.close();
    return null;
  }

  private async writeUnlessThere(request: FeedbackRequest): Promise<FeedbackRecord> {
    const { index } = this.parts;
    const earlier = index.byIdempotencyKey(request.idempotency!.key);
    return (earlier && (await index.get(earlier.id))) ?? this.write(request);
  }

  private async write(request: FeedbackRequest): Promise<FeedbackRecord> {
    const { idempotency } = request;
    const stamp = this.stamp('fb', idempotency === null ? randomUUID() : rowIdOf(idempotency));
    const record = composeRecord(request, await this.responseOf(request), stamp);
    if (await this.append(record)) return record;
    // Another replica was given the same, and its row came first; or it was there once and has left the log.
    const there = await this.parts.index.get(record.id);
    if (there !== null) return there;
    this.parts.index.forget(record.id);
    await this.append(record);
    return record;
  }

  /** False when it is there already. Nothing is waited for between the look and the writing. */
  private async append(record: LogRecord): Promise<boolean> {
    const { log, index } = this.parts;
    const { id } = record;
    for (let other = this.writing.get(id); other !== undefined; other = this.writing.get(id))
      await other.catch(() => null);
    if (index.has(id)) return false;
    const written = log.append(record).then((behind) => index.add(record, behind));
    this.writing.set(id, written);
    await written.finally(() => this.writing.delete(id));
    this.oldIds?.then(
      (ids) => ids.add(id),
      () => null,
    );
    return true;
  }

  private async responseOf(request: FeedbackRequest): Promise<StoredResponse | null> {
    const { subject, tenant } = request;
    if (subject.kind === 'demonstration') return null;
    const { responseId: id, choice } = subject;
    const found = (await this.parts.responses?.get(id, tenant, this.now())) ?? request.response;
    const hours = (this.options.responses?.keepMs ?? 0) / hourMs;
    if (!found) throw new MillraceError('response_not_found', { id, hours }, { param: 'response_id' });
    if (choice >= found.answers.length) {
      const message = `The response ${id} has ${found.answers.length} choice(s); there is none with index ${choice}.`;
      throw new MillraceError('invalid_argument', { message }, { param: 'choice' });
    }
    return found;
  }

  private stamp(prefix: string, unique: string = randomUUID()): Stamp {
    const { origin } = this.options;
    const receivedAt = new Date(this.now()).toISOString();
    return { id: `${prefix}-${unique}`, receivedAt, ...(origin === undefined ? {} : { origin }) };
  }
}
