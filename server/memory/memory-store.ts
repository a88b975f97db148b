/**
 * All tenants' entries in memory and on disk: a log of changes, durable before a change counts, written anew when most
 * of it is out of date. Bounded per tenant and per account; the oldest entries make room.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readLog } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { logStart } from '../../core/feedback/segments.ts';
import type { IndexedEntry, MemoryEntry, StoredEntry } from './entry.ts';
import { namesIn } from './names.ts';

export interface MemoryLimits {
  /** Entries of one tenant. */
  readonly maxEntries: number;
  /** Entries of one account. */
  readonly maxPerAccount: number;
}

type Change =
  | { readonly type: 'put'; readonly entry: StoredEntry }
  | { readonly type: 'delete'; readonly tenant: string; readonly id: string };

/** The log is written anew when it holds this many changes, and more than twice as many as there are entries. */
const minCompaction = 4_096;
const logLimits = { segmentBytes: 64 * 2 ** 20, totalBytes: Number.POSITIVE_INFINITY, maxPending: 1_024 };

export class MemoryStore {
  private readonly folder: string;
  private readonly limits: MemoryLimits;
  private log: LogWriter;
  private readonly tenants = new Map<string, Map<string, IndexedEntry>>();
  private numChanges = 0;
  private numRevisions = 0;
  private compaction: Promise<void> | null = null;

  private constructor(folder: string, limits: MemoryLimits, log: LogWriter) {
    this.folder = folder;
    this.limits = limits;
    this.log = log;
  }

  static async open(folder: string, limits: MemoryLimits): Promise<MemoryStore> {
    await mkdir(folder, { recursive: true });
    const generation = await newestGeneration(folder);
    const store = new MemoryStore(folder, limits, await LogWriter.open(join(folder, generation), logLimits));
    await store.load(join(folder, generation));
    return store;
  }

  /** Counts changes, over restarts too: what was known when an answer was made. */
  get revision(): number {
    return this.numRevisions;
  }

  entriesOf(tenant: string): ReadonlyMap<string, IndexedEntry> {
    return this.tenants.get(tenant) ?? new Map();
  }

  /** Adds the entry, or replaces the one of its id; the account's and the tenant's oldest make room for it. */
  async put(entry: MemoryEntry, vector: Float32Array): Promise<void> {
    for (const old of this.surplus(entry)) await this.delete(entry.tenant, old);
    await this.change({ type: 'put', entry: { ...entry, vector: toBase64(vector) } });
  }

  /** Whether there was one. */
  async delete(tenant: string, id: string): Promise<boolean> {
    if (!this.entriesOf(tenant).has(id)) return false;
    await this.change({ type: 'delete', tenant, id });
    return true;
  }

  async close(): Promise<void> {
    await this.compaction;
    await this.log.close();
  }

  private async change(change: Change): Promise<void> {
    await this.compaction;
    await this.log.append(change);
    this.apply(change);
    const numEntries = [...this.tenants.values()].reduce((sum, { size }) => sum + size, 0);
    if (this.numChanges < Math.max(minCompaction, 2 * numEntries)) return;
    this.compaction = this.compact().finally(() => {
      this.compaction = null;
    });
    await this.compaction;
  }

  private apply(change: Change): void {
    this.numChanges++;
    this.numRevisions++;
    const tenant = change.type === 'put' ? change.entry.tenant : change.tenant;
    const entries = this.tenants.get(tenant) ?? new Map<string, IndexedEntry>();
    this.tenants.set(tenant, entries);
    if (change.type === 'delete') entries.delete(change.id);
    else {
      const { entry } = change;
      entries.delete(entry.id);
      entries.set(entry.id, { ...entry, vector: fromBase64(entry.vector), names: namesIn(entry.question) });
    }
  }

  private surplus({ id, tenant, account }: MemoryEntry): string[] {
    const others = [...this.entriesOf(tenant).values()].filter((other) => other.id !== id);
    const own = others.filter((other) => other.account === account);
    const ofAccount = own.slice(0, Math.max(0, own.length + 1 - this.limits.maxPerAccount)).map((e) => e.id);
    const left = others.filter((other) => !ofAccount.includes(other.id));
    const ofTenant = left.slice(0, Math.max(0, left.length + 1 - this.limits.maxEntries)).map((e) => e.id);
    return [...ofAccount, ...ofTenant];
  }

  private async load(folder: string): Promise<void> {
    for (let position = logStart; ; ) {
      const read = await readLog(
        folder,
        position,
        (json) => json as Change | { type: 'revision'; count: number },
      );
      if (read.records.length === 0) return;
      for (const { record } of read.records) {
        if (record.type === 'revision') this.numRevisions = record.count;
        else this.apply(record);
      }
      position = read.position;
    }
  }

  /** A new generation of the log that holds what there is; it counts once it has its name. */
  private async compact(): Promise<void> {
    const old = await newestGeneration(this.folder);
    const next = String(Number(old) + 1).padStart(8, '0');
    const aside = join(this.folder, `writing-${next}`);
    await rm(aside, { recursive: true, force: true });
    const log = await LogWriter.open(aside, logLimits);
    const entries = [...this.tenants.values()].flatMap((each) => [...each.values()]);
    const puts = entries.map(({ names: _, vector, ...entry }) => ({
      type: 'put',
      entry: { ...entry, vector: toBase64(vector) },
    }));
    for (const put of puts) await log.append(put);
    await log.append({ type: 'revision', count: this.numRevisions });
    await log.close();
    await this.log.close();
    await rename(aside, join(this.folder, next));
    this.log = await LogWriter.open(join(this.folder, next), logLimits);
    this.numChanges = entries.length;
    await rm(join(this.folder, old), { recursive: true });
  }
}

async function newestGeneration(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /^\d{8}$/.test(name));
  return names.sort().at(-1) ?? '00000001';
}

function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

function fromBase64(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(bytes.buffer);
}
