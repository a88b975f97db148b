/**
 * Copies of the cache rows of prompt prefixes, in blocks of a fixed number of tokens. A block is found by the
 * chain of all tokens up to its end within one scope, and its tokens are compared, so that no collision can
 * serve another's rows. Bounded in bytes, least recently used blocks go first, and no tenant may hold all, however many
 * versions and adapters it is served by.
 */
import { createHash } from 'node:crypto';
import type { CacheBlock, StepEngine } from './engine.ts';

export interface PrefixOwner {
  /** Prefixes are found within it alone. */
  readonly scope: string;
  /** Who is charged for the memory. */
  readonly tenant: string;
}

interface Entry {
  readonly tenant: string;
  readonly tokens: readonly number[];
  readonly block: CacheBlock;
}

/** Share of the bytes that one tenant may hold while others have entries. */
const maxTenantShare = 0.5;

export class PrefixCache {
  private readonly blockTokens: number;
  private readonly maxBytes: number;
  /** In order of use, least recent first. */
  private readonly entries = new Map<string, Entry>();
  private readonly bytesOf = new Map<string, number>();
  private totalBytes = 0;
  /** Memory of the block evicted last: taking it over saves the system from zeroing new pages each time. */
  private spare: Float32Array | undefined;
  lookupTokens = 0;
  hitTokens = 0;

  constructor(options: { blockTokens: number; maxBytes: number }) {
    this.blockTokens = options.blockTokens;
    this.maxBytes = options.maxBytes;
  }

  get bytes(): number {
    return this.totalBytes;
  }

  /** Fills the slot with the longest known prefix, leaving at least two tokens to compute. Returns its length. */
  restore(engine: StepEngine, slot: number, scope: string, tokens: readonly number[]): number {
    this.lookupTokens += tokens.length;
    let length = 0;
    for (const { key, start, part } of this.chain(scope, tokens, tokens.length - 2)) {
      const entry = this.entries.get(key);
      if (entry === undefined || !equal(entry.tokens, part)) break;
      engine.writeBlock(slot, start, entry.block);
      this.touch(key, entry);
      length = start + this.blockTokens;
    }
    this.hitTokens += length;
    return length;
  }

  /** Keeps copies of the slot's first `length` rows, in whole blocks. */
  store(
    engine: StepEngine,
    slot: number,
    { scope, tenant }: PrefixOwner,
    tokens: readonly number[],
    length: number,
  ): void {
    const bytes = this.blockTokens * engine.bytesPerToken;
    if (bytes > this.maxBytes) return;
    for (const { key, start, part } of this.chain(scope, tokens, length)) {
      const known = this.entries.get(key);
      if (known !== undefined) {
        this.touch(key, known);
        continue;
      }
      this.makeRoom(tenant, bytes);
      const block = engine.readBlock(slot, start, this.blockTokens, this.spare);
      this.spare = undefined;
      this.entries.set(key, { tenant, tokens: part, block });
      this.account(tenant, block.bytes);
    }
  }

  private makeRoom(tenant: string, bytes: number): void {
    const ofTenant = (this.bytesOf.get(tenant) ?? 0) + bytes;
    if (ofTenant > this.maxBytes * maxTenantShare && this.bytesOf.size > 1) this.evict(tenant);
    while (this.totalBytes + bytes > this.maxBytes) this.evict(null);
  }

  /** Drops the least recently used block, of one tenant if given. */
  private evict(tenant: string | null): void {
    for (const [key, entry] of this.entries) {
      if (tenant !== null && entry.tenant !== tenant) continue;
      this.entries.delete(key);
      this.account(entry.tenant, -entry.block.bytes);
      this.spare = entry.block.data;
      return;
    }
  }

  private account(tenant: string, bytes: number): void {
    this.totalBytes += bytes;
    const left = (this.bytesOf.get(tenant) ?? 0) + bytes;
    if (left === 0) this.bytesOf.delete(tenant);
    else this.bytesOf.set(tenant, left);
  }

  private touch(key: string, entry: Entry): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
  }

  private *chain(scope: string, tokens: readonly number[], length: number) {
    let key = scope;
    for (let start = 0; start + this.blockTokens <= length; start += this.blockTokens) {
      const part = tokens.slice(start, start + this.blockTokens);
      key = createHash('sha1').update(key).update(Int32Array.from(part)).digest('base64');
      yield { key, start, part };
    }
  }
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
