/**
 * Clock 0 of learning: corrections are remembered per tenant and put in front of questions like theirs, within the second
 * in which they came. Knows texts and vectors, neither sockets nor models.
 */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../../core/errors.ts';
import type { FeedbackRecord, MemoryChange, MemoryRecord } from '../../core/feedback/record.ts';
import { invariant } from '../../core/invariant.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import { within } from '../../core/within.ts';
import type { Compared, Encoded, IndexedEntry, MemoryEntry } from './entry.ts';
import { type Key, keyOf } from './key.ts';
import { acceptable, lessonOf, type Said } from './lesson.ts';
import { areEqual, bestMatch, dot, type MatchThresholds, type Question } from './match.ts';
import type { Choice, MemoryStore } from './memory-store.ts';
import { wordsIn } from './names.ts';

/** Vectors of unit length, in the order of the texts. */
export type Embed = (texts: readonly string[], options: { signal?: AbortSignal }) => Promise<Float32Array[]>;

export interface MemoryOptions {
  readonly store: MemoryStore;
  readonly embed: Embed;
  /** Names what embeds; vectors of another one are not compared with its own. */
  readonly encoder: string;
  readonly thresholds: MatchThresholds;
  readonly ttlMs: number;
  /** A question whose vector takes longer is answered without memory. */
  readonly maxWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Tells other replicas of a change that was asked for here, before it is made: durable when it returns with the record's
   * id. None where there are no others.
   */
  readonly tell?: (tenant: string, change: MemoryChange) => Promise<string>;
}

export interface Recollection {
  /** The conversation with what is remembered as a turn in front of its last message. */
  readonly messages: readonly ChatMessage[];
  readonly entry: MemoryEntry;
  /** From 0 to 1: how much the question is the entry's own. */
  readonly closeness: number;
  /** Of the tenant's memory. */
  readonly revision: number;
}

/** From this similarity on, and with the same names, a later correction of an account takes an earlier one's place. */
const sameQuestion = 0.97;
/** For what is to be remembered: nobody waits for it but whoever wrote it. */
const learnWaitMs = 10_000;
/** Changes that the log brings once more, of which it is remembered that they are made. */
const maxMade = 1_024;

export class Memory {
  private readonly options: MemoryOptions;
  /** Records of changes that were made here when they were asked for, the latest: the log brings them once more. */
  private readonly made = new Set<string>();

  constructor(options: MemoryOptions) {
    this.options = options;
  }

  /**
   * Remembers what the feedback says, if it says what should be answered. The entry, or null. Durable when it returns.
   * One row makes one entry, however often it comes, and expires by the time when it was given.
   */
  async learn(record: FeedbackRecord, signal?: AbortSignal): Promise<MemoryEntry | null> {
    const said = lessonOf(record);
    const createdMs = Date.parse(record.receivedAt);
    const isOver = !(createdMs + this.options.ttlMs > this.options.now());
    if (said === null || isOver) return null;
    const { tenant, account, model, id: source } = record;
    const id = `mem-${source.replace(/^fb-/, '')}`;
    const known = this.options.store.entriesOf(tenant).get(id);
    if (known !== undefined) return known;
    const entry = this.entryOf({ ...said, tenant, account, model, source }, id, createdMs);
    const encoded = await this.encoded(entry, signal);
    // Rows of several replicas come in different orders to each: the latest word counts on all of them.
    const isSame = sameAs(entry, encoded);
    const all = [...this.options.store.entriesOf(tenant).values()];
    if (all.some((other) => isLater(other, entry) && isSame(other))) return null;
    await this.options.store.put(entry, encoded, earlier(entry, isSame));
    return entry;
  }

  /** Makes a change that another replica, or this one before a crash, was asked for. Made twice it changes nothing. */
  async take({ id: record, tenant, change }: MemoryRecord, signal?: AbortSignal): Promise<void> {
    const { store, now } = this.options;
    if (this.made.delete(record)) return;
    if (change.kind === 'forget') {
      await store.delete(tenant, ({ id }) => id === change.entry);
      return;
    }
    const { kind, entry } = change;
    // An edit does not bring back what was deleted, and of several the latest counts, in whichever order they come.
    const isWanted = (known: MemoryEntry | undefined): boolean =>
      known === undefined ? kind === 'put' : isLater(entry, known);
    if (entry.tenant !== tenant || entry.expiresMs <= now()) return;
    if (!isWanted(store.entriesOf(tenant).get(entry.id))) return;
    const encoded = await this.encoded(entry, signal);
    await store.putIf(isWanted, entry, encoded, earlier(entry, sameAs(entry, encoded)));
  }

  /** Remembers what an operator says. Throws invalid_argument, and what telling others throws. */
  async put(said: Said): Promise<MemoryEntry> {
    const entry = this.entryOf(acceptable(said), `mem-${randomUUID()}`, this.options.now());
    const encoded = await this.encoded(entry);
    await this.make(entry.tenant, { kind: 'put', entry }, () =>
      this.options.store.put(entry, encoded, earlier(entry, sameAs(entry, encoded))),
    );
    return entry;
  }

  /** The entry counts as new. Throws memory_not_found, invalid_argument, and what telling others throws. */
  async edit(
    tenant: string,
    id: string,
    change: { readonly question?: string; readonly answer?: string },
  ): Promise<MemoryEntry> {
    const { account, model, source, context, ...old } = this.get(tenant, id);
    const { question = old.question, answer = old.answer } = change;
    const said = acceptable({ question, context, answer, tenant, account, model, source });
    // Later than what it changes also where another replica, with another clock, has made that.
    const entry = this.entryOf(said, id, Math.max(this.options.now(), old.createdMs + 1));
    const encoded = await this.encoded(entry);
    const isThere = await this.make(tenant, { kind: 'edit', entry }, () =>
      this.options.store.replace(entry, encoded, earlier(entry, sameAs(entry, encoded))),
    );
    if (!isThere) throw new MillraceError('memory_not_found', { id });
    return entry;
  }

  /** What is remembered for the conversation's last message; null when nothing fits, or in time. */
  async recall(
    tenant: string,
    model: string,
    messages: readonly ChatMessage[],
  ): Promise<Recollection | null> {
    const { store, thresholds, maxWaitMs, encoder } = this.options;
    const key = keyOf(messages);
    const isOpen = (entry: IndexedEntry): boolean => entry.model === model && entry.encoder === encoder;
    if (key === null || !this.list(tenant).some(isOpen)) return null;
    // The encoder may be gone or slow: then the question is answered without memory.
    const asked = await this.asked(key, maxWaitMs).catch(() => null);
    const found = asked && bestMatch(asked, this.list(tenant).filter(isOpen), thresholds);
    if (!found) return null;
    const { question, answer } = found.entry;
    const turn: ChatMessage[] = [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ];
    return {
      messages: [...messages.slice(0, -1), ...turn, messages.at(-1)!],
      entry: found.entry,
      closeness: found.closeness,
      revision: store.revisionOf(tenant),
    };
  }

  /** What has not expired, the oldest first. */
  list(tenant: string): readonly IndexedEntry[] {
    const nowMs = this.options.now();
    return [...this.options.store.entriesOf(tenant).values()].filter(({ expiresMs }) => expiresMs > nowMs);
  }

  /** Throws memory_not_found. */
  get(tenant: string, id: string): IndexedEntry {
    const entry = this.options.store.entriesOf(tenant).get(id);
    if (entry === undefined || entry.expiresMs <= this.options.now())
      throw new MillraceError('memory_not_found', { id });
    return entry;
  }

  /** Throws memory_not_found, and what telling others throws. */
  async forget(tenant: string, id: string): Promise<void> {
    this.get(tenant, id);
    await this.make(tenant, { kind: 'forget', entry: id }, () =>
      this.options.store.delete(tenant, (entry) => entry.id === id),
    );
  }

  /** Forgets everything that came from rows of feedback, or from an account. Returns how many entries. */
  async forgetSource(
    tenant: string,
    of: { readonly rows?: readonly string[]; readonly account?: string },
  ): Promise<number> {
    const rows = new Set(of.rows);
    return this.options.store.delete(
      tenant,
      ({ source, account }) =>
        (source !== null && rows.has(source)) || (of.account !== undefined && account === of.account),
    );
  }

  /** Deletes what has expired. To be called now and then: it is not found any more before. */
  async expire(): Promise<void> {
    await this.options.store.expire(this.options.now());
  }

  private async make<T>(tenant: string, change: MemoryChange, work: () => Promise<T>): Promise<T> {
    const record = await this.options.tell?.(tenant, change);
    const result = await work();
    if (record !== undefined) this.made.add(record);
    if (this.made.size > maxMade) this.made.delete(this.made.values().next().value!);
    return result;
  }

  private entryOf(said: Said, id: string, createdMs: number): MemoryEntry {
    const { tenant, account, model, question, context, answer, source } = said;
    const expiresMs = createdMs + this.options.ttlMs;
    return { id, tenant, account, model, question, context, answer, source, createdMs, expiresMs };
  }

  private async asked(key: Key, maxWaitMs: number): Promise<Question> {
    const { vector, contextVector } = await this.vectorsOf(key, maxWaitMs);
    const before = contextVector && { ...wordsIn(key.context!), vector: contextVector };
    return { ...wordsIn(key.question), vector, before };
  }

  private async encoded(key: Key, signal?: AbortSignal): Promise<Encoded> {
    return { ...(await this.vectorsOf(key, learnWaitMs, signal)), encoder: this.options.encoder };
  }

  private async vectorsOf({ question, context }: Key, maxWaitMs: number, signal?: AbortSignal) {
    const texts = context === null ? [question] : [question, context];
    const [vector, contextVector = null] = await within(maxWaitMs, signal, (within) =>
      this.options.embed(texts, { signal: within }),
    );
    invariant(vector !== undefined, 'the encoder gives a vector for each text');
    return { vector, contextVector };
  }
}

/** What the same account has said before about the same. */
const isLater = (a: MemoryEntry, b: MemoryEntry): boolean => a.createdMs > b.createdMs;

/** Those of `chosen` that were not said later than the entry. */
const earlier =
  (entry: MemoryEntry, chosen: Choice): Choice =>
  (other) =>
    !isLater(other, entry) && chosen(other);

function sameAs({ id, account, model, question, context }: MemoryEntry, encoded: Encoded): Choice {
  const own = { ...wordsIn(question), vector: encoded.vector };
  const before = encoded.contextVector && { ...wordsIn(context!), vector: encoded.contextVector };
  return (other) =>
    other.id !== id &&
    other.account === account &&
    other.model === model &&
    other.encoder === encoded.encoder &&
    areSame(other, own) &&
    (other.before === null || before === null ? other.before === before : areSame(other.before, before));
}

const areSame = (a: Compared, b: Compared): boolean =>
  dot(a.vector, b.vector) >= sameQuestion && areEqual(a.names, b.names);
