/**
 * All tenants' entries in memory and on disk: a log of changes, durable before a change counts, written anew when most
 * of it is out of date. Bounded per tenant and per account; the oldest entries make room.
 */

import { Turns } from '../../core/turns.ts';
import type { Encoded, IndexedEntry, MemoryEntry, StoredEncoding, StoredEntry } from './entry.ts';
import { type Change, MemoryLog } from './memory-log.ts';
import { wordsIn } from './names.ts';

export interface MemoryLimits {
  /** Entries of one tenant. */
  readonly maxEntries: number;
  /** Entries of one account. */
  readonly maxPerAccount: number;
}

/** Says of an entry whether it is meant; asked when the change's turn has come. */
export type Choice = (entry: IndexedEntry) => boolean;

const none: Choice = () => false;

type Known = Omit<Encoded, 'encoder'> & Pick<IndexedEntry, 'encoder'>;

interface Tenant {
  /** The oldest first. */
  readonly entries: Map<string, IndexedEntry>;
  revision: number;
}

/** The log is written anew after this many changes, or as many as there are entries, whatever is more. */
const minCompaction = 128;

export class MemoryStore {
  private readonly limits: MemoryLimits;
  private readonly onProblem: (message: string) => void;
  private readonly tenants = new Map<string, Tenant>();
  private readonly turns = new Turns();
  private log: MemoryLog | null = null;
  /** Lines of the log, and with how many of them it is written anew. */
  private numLines = 0;
  private maxLines = 0;

  private constructor(limits: MemoryLimits, onProblem: (message: string) => void) {
    this.limits = limits;
    this.onProblem = onProblem;
  }

  static async open(
    folder: string,
    limits: MemoryLimits,
    onProblem: (message: string) => void = () => {},
  ): Promise<MemoryStore> {
    const store = new MemoryStore(limits, onProblem);
    store.log = await MemoryLog.open(folder, (change) => store.apply(change));
    store.planCompaction();
    return store;
  }

  /** Counts a tenant's changes, over restarts too: what was known when an answer was made. */
  revisionOf(tenant: string): number {
    return this.tenants.get(tenant)?.revision ?? 0;
  }

  entriesOf(tenant: string): ReadonlyMap<string, IndexedEntry> {
    return this.tenants.get(tenant)?.entries ?? new Map();
  }

  /**
   * Adds the entry, or replaces the one of its id. Others that it `replaces` leave for it, and so do the account's and
   * the tenant's oldest where there are too many.
   */
  put(entry: MemoryEntry, encoded: Encoded, replaces: Choice = none): Promise<void> {
    return this.inTurn(() => this.add(entry, encoded, replaces));
  }

  /** The same for an entry that is there; false, and nothing happens, when it is not. */
  replace(entry: MemoryEntry, encoded: Encoded, replaces: Choice = none): Promise<boolean> {
    return this.putIf((known) => known !== undefined, entry, encoded, replaces);
  }

  /** The same where it `isWanted`, which sees what is there under the id when the change's turn has come. */
  putIf(
    isWanted: (known: IndexedEntry | undefined) => boolean,
    entry: MemoryEntry,
    encoded: Encoded,
    replaces: Choice = none,
  ): Promise<boolean> {
    return this.inTurn(async () => {
      if (!isWanted(this.entriesOf(entry.tenant).get(entry.id))) return false;
      await this.add(entry, encoded, replaces);
      return true;
    });
  }

  /** What another encoder makes of an entry; nothing happens when the question is not there any more. */
  encode({ tenant, id, question, context }: MemoryEntry, encoded: Encoded): Promise<void> {
    return this.inTurn(async () => {
      const now = this.entriesOf(tenant).get(id);
      if (now?.question !== question || now.context !== context) return;
      await this.change({ type: 'encoded', tenant, id, by: stored(encoded) });
    });
  }

  /** Of all tenants, those whose vector is not of this encoder, at most `count`. */
  encodedByOthers(encoder: string, count: number): IndexedEntry[] {
    const found: IndexedEntry[] = [];
    for (const { entries } of this.tenants.values()) {
      for (const entry of entries.values()) {
        if (found.length === count) return found;
        if (entry.encoder !== encoder) found.push(entry);
      }
    }
    return found;
  }

  /** How many there were. */
  delete(tenant: string, choice: Choice): Promise<number> {
    return this.inTurn(() => this.drop(tenant, choice));
  }

  /** Deletes what has expired, and takes from the disk what was deleted or replaced before. */
  expire(nowMs: number): Promise<void> {
    return this.inTurn(async () => {
      for (const tenant of this.tenants.keys()) {
        await this.drop(tenant, ({ expiresMs }) => expiresMs <= nowMs);
      }
      await this.compact();
    });
  }

  close(): Promise<void> {
    return this.turns.run(() => this.log!.close());
  }

  /** The change is acknowledged before the log is written anew, and the next one waits for that. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const whole = async (): Promise<void> => {
        resolve(await work());
        if (this.numLines >= this.maxLines) await this.compact();
      };
      this.turns.run(whole).catch(reject);
    });
  }

  private async add(entry: MemoryEntry, encoded: Encoded, replaces: Choice): Promise<void> {
    const leaving = this.leavingFor(entry, replaces);
    await this.change({ type: 'put', entry: { ...entry, ...stored(encoded) }, leaving });
  }

  private async drop(tenant: string, choice: Choice): Promise<number> {
    const ids = [...this.entriesOf(tenant).values()].filter(choice).map(({ id }) => id);
    if (ids.length > 0) await this.change({ type: 'delete', tenant, ids });
    return ids.length;
  }

  private async change(change: Change): Promise<void> {
    await this.log!.append(change);
    this.apply(change);
  }

  private apply(change: Change): void {
    this.numLines++;
    const name = change.type === 'put' ? change.entry.tenant : change.tenant;
    const tenant = this.tenants.get(name) ?? { entries: new Map<string, IndexedEntry>(), revision: 0 };
    this.tenants.set(name, tenant);
    applyTo(tenant, change);
  }

  private leavingFor({ id, tenant, account }: MemoryEntry, replaces: Choice): string[] {
    const others = [...this.entriesOf(tenant).values()].filter((other) => other.id !== id);
    const replaced = new Set(others.filter(replaces));
    const stay = others.filter((other) => !replaced.has(other));
    const own = stay.filter((other) => other.account === account);
    const ofAccount = new Set(own.slice(0, surplus(own.length, this.limits.maxPerAccount)));
    const left = stay.filter((other) => !ofAccount.has(other));
    const ofTenant = left.slice(0, surplus(left.length, this.limits.maxEntries));
    return [...replaced, ...ofAccount, ...ofTenant].map((other) => other.id);
  }

  /** Writes the log anew if anything in it is out of date. A failure is told, and tried again much later. */
  private async compact(): Promise<void> {
    const needed = this.neededLines();
    try {
      if (this.numLines > needed) await this.log!.rewrite(this.content());
      this.numLines = needed;
    } catch (error) {
      this.onProblem(`memory's log is not written anew: ${error instanceof Error ? error.message : error}`);
    }
    this.planCompaction();
  }

  private planCompaction(): void {
    this.maxLines = this.numLines + Math.max(minCompaction, this.neededLines());
  }

  /** One for each entry and one for each tenant's revision. */
  private neededLines(): number {
    return [...this.tenants.values()].reduce((sum, { entries }) => sum + entries.size, this.tenants.size);
  }

  private *content(): Iterable<Change> {
    for (const [tenant, { entries, revision }] of this.tenants) {
      for (const { names: _, words: __, vector, before, encoder, ...entry } of entries.values()) {
        const encoded = { vector, contextVector: before?.vector ?? null, encoder };
        yield { type: 'put', entry: { ...entry, ...stored(encoded) }, leaving: [] };
      }
      yield { type: 'revision', tenant, count: revision };
    }
  }
}

/** How many have to go so that there is room for one. */
const surplus = (count: number, max: number): number => Math.max(0, count + 1 - max);

function applyTo(tenant: Tenant, change: Change): void {
  const { entries } = tenant;
  if (change.type === 'revision') {
    tenant.revision = change.count;
  } else if (change.type === 'encoded') {
    // What is known is the same: neither the revision nor the order changes.
    const entry = entries.get(change.id);
    if (entry !== undefined) entries.set(change.id, { ...entry, ...encodedIn(change.by, entry) });
  } else {
    tenant.revision++;
    for (const id of change.type === 'put' ? change.leaving : change.ids) entries.delete(id);
    if (change.type === 'delete') return;
    entries.delete(change.entry.id);
    entries.set(change.entry.id, indexed(change.entry));
  }
}

function indexed(stored: StoredEntry): IndexedEntry {
  const { vector: _, contextVector: __, encoder: ___, context = null, ...entry } = stored;
  return { ...entry, context, ...wordsIn(entry.question), ...encodedIn(stored, { context }) };
}

/** What depends on the encoder. */
function encodedIn(
  { vector, contextVector = null, encoder = null }: StoredEncoding,
  { context }: Pick<MemoryEntry, 'context'>,
): Pick<IndexedEntry, 'vector' | 'before' | 'encoder'> {
  const hasBoth = context !== null && contextVector !== null;
  const before = hasBoth ? { ...wordsIn(context), vector: fromBase64(contextVector) } : null;
  return { vector: fromBase64(vector), before, encoder };
}

const stored = ({ vector, contextVector, encoder }: Known): StoredEncoding => ({
  vector: toBase64(vector),
  contextVector: contextVector && toBase64(contextVector),
  encoder,
});

function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

function fromBase64(text: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);
}
