/**
 * Clock 0 of learning: corrections are remembered per tenant and put in front of questions like theirs, within the second
 * in which they came. Knows texts and vectors, neither sockets nor models.
 */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../../core/errors.ts';
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import type { IndexedEntry, MemoryEntry } from './entry.ts';
import { bestMatch, dot, type MatchThresholds } from './match.ts';
import type { MemoryStore } from './memory-store.ts';

/** Vectors of unit length, in the order of the texts. */
export type Embed = (texts: readonly string[], options: { signal?: AbortSignal }) => Promise<Float32Array[]>;

export interface MemoryOptions {
  readonly store: MemoryStore;
  readonly embed: Embed;
  readonly thresholds: MatchThresholds;
  readonly ttlMs: number;
  /** A question whose vector takes longer is answered without memory. */
  readonly maxWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Recollection {
  /** The conversation with what is remembered as a turn in front of its last message. */
  readonly messages: readonly ChatMessage[];
  readonly entry: MemoryEntry;
  readonly revision: number;
}

/** Longer questions are not looked up, and longer answers not remembered. */
const maxCharacters = 2_000;
/** From this similarity on, a later correction of an account takes an earlier one's place. */
const sameQuestion = 0.97;

export class Memory {
  private readonly options: MemoryOptions;

  constructor(options: MemoryOptions) {
    this.options = options;
  }

  /** Remembers what the feedback says, if it says what should be answered. The entry, or null. Durable when it returns. */
  async learn(record: FeedbackRecord): Promise<MemoryEntry | null> {
    const said = lessonOf(record);
    if (said === null) return null;
    const { tenant, account, model, id: source } = record;
    // One entry for one row of feedback, however often it comes.
    const known = [...this.options.store.entriesOf(tenant).values()].find((entry) => entry.source === source);
    if (known !== undefined) return known;
    return this.put({ ...said, tenant, account, model, source });
  }

  async put(
    said: Omit<MemoryEntry, 'id' | 'createdMs' | 'expiresMs'>,
    id = `mem-${randomUUID()}`,
  ): Promise<MemoryEntry> {
    const { store, embed, ttlMs, now } = this.options;
    const [vector] = await embed([said.question], {});
    const entry: MemoryEntry = { ...said, id, createdMs: now(), expiresMs: now() + ttlMs };
    for (const older of store.entriesOf(said.tenant).values()) {
      const isSame =
        older.id !== id && older.model === said.model && dot(older.vector, vector!) >= sameQuestion;
      if (isSame) await store.delete(said.tenant, older.id);
    }
    await store.put(entry, vector!);
    return entry;
  }

  /** What is remembered for the conversation's last message; null when nothing fits, or in time. */
  async recall(
    tenant: string,
    model: string,
    messages: readonly ChatMessage[],
  ): Promise<Recollection | null> {
    const { store, thresholds, now } = this.options;
    const last = messages.at(-1);
    if (last?.role !== 'user' || last.content.length > maxCharacters) return null;
    const entries = [...store.entriesOf(tenant).values()].filter(
      (entry) => entry.model === model && entry.expiresMs > now(),
    );
    if (entries.length === 0) return null;
    const vector = await this.vectorOf(last.content);
    const found = vector && bestMatch({ text: last.content, vector }, entries, thresholds);
    if (!found) return null;
    const { question, answer } = found.entry;
    const turn: ChatMessage[] = [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ];
    return {
      messages: [...messages.slice(0, -1), ...turn, last],
      entry: found.entry,
      revision: store.revision,
    };
  }

  list(tenant: string): readonly IndexedEntry[] {
    return [...this.options.store.entriesOf(tenant).values()];
  }

  /** Throws memory_not_found. */
  async edit(
    tenant: string,
    id: string,
    change: { question?: string; answer?: string },
  ): Promise<MemoryEntry> {
    const { question, answer, account, model, source } = this.get(tenant, id);
    return this.put({ question, answer, tenant, account, model, source, ...change }, id);
  }

  /** Throws memory_not_found. */
  async forget(tenant: string, id: string): Promise<void> {
    if (!(await this.options.store.delete(tenant, id))) throw new MillraceError('memory_not_found', { id });
  }

  /** Forgets everything that came from a row of feedback, or from an account. Returns how many entries. */
  async forgetSource(
    tenant: string,
    of: { readonly row?: string; readonly account?: string },
  ): Promise<number> {
    const doomed = this.list(tenant).filter(
      ({ source, account }) => source === of.row || account === of.account,
    );
    for (const { id } of doomed) await this.options.store.delete(tenant, id);
    return doomed.length;
  }

  get(tenant: string, id: string): IndexedEntry {
    const entry = this.options.store.entriesOf(tenant).get(id);
    if (entry === undefined) throw new MillraceError('memory_not_found', { id });
    return entry;
  }

  /** Null when the encoder is not there, or not in time. */
  private async vectorOf(text: string): Promise<Float32Array | null> {
    const signal = AbortSignal.timeout(this.options.maxWaitMs);
    try {
      return (await this.options.embed([text], { signal }))[0] ?? null;
    } catch {
      return null;
    }
  }
}

/** The question and the right answer that a row of feedback states. */
function lessonOf({ context, signal, answer }: FeedbackRecord): { question: string; answer: string } | null {
  if (context.kind !== 'chat') return null;
  const question = context.messages.at(-1);
  if (question?.role !== 'user' || question.content.length > maxCharacters) return null;
  const said =
    signal.kind === 'correction'
      ? signal.text
      : signal.kind === 'preference'
        ? signal.chosen
        : signal.kind === 'demonstration'
          ? answer
          : null;
  if (said === null || said.length > maxCharacters) return null;
  return { question: question.content, answer: said };
}
