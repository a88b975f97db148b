/**
 * A StepEngine without a model. Its logits depend on every token in the slot, so that a cache row that is missing,
 * stale or another sequence's shows in the text. `nextToken` is the reference for what must come out when greedy.
 */
import { invariant } from '../../core/invariant.ts';
import type { CacheBlock, StepEngine, StepPlan } from '../batching/engine.ts';

export interface FakeEngineOptions {
  readonly numSlots: number;
  readonly maxContext: number;
  readonly vocabSize?: number;
  /** Real time that a step takes. */
  readonly stepMs?: number;
  /** Called before each step; may throw, to play a fault. */
  readonly onStep?: (plan: StepPlan) => void;
}

const fnv = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) >>> 0;

/** What a slot holds of a token that was computed with an adapter. Exact in fp32. */
function cellOf(token: number, adapter: string | null): number {
  if (adapter === null) return token;
  let hash = 0x811c9dc5;
  for (const character of adapter) hash = fnv(hash, character.codePointAt(0)!);
  return token + 65_536 * (1 + (hash % 200));
}

function hashOf(cells: readonly number[], vocabSize: number): number {
  return cells.reduce(fnv, 0x811c9dc5) % vocabSize;
}

/** The token that a history leads to under an adapter: a 32-bit FNV-1a hash of both. */
export function nextToken(
  history: readonly number[],
  vocabSize: number,
  adapter: string | null = null,
): number {
  return hashOf(
    history.map((token) => cellOf(token, adapter)),
    vocabSize,
  );
}

export function createFakeEngine(options: FakeEngineOptions): StepEngine {
  return new FakeEngine(options);
}

class FakeEngine implements StepEngine {
  readonly numSlots: number;
  readonly maxContext: number;
  readonly vocabSize: number;
  readonly maxLogitRows = 64;
  readonly bytesPerToken = 4;
  private readonly rows: number[][];
  private readonly adapters = new Set<string>();
  private readonly options: FakeEngineOptions;

  constructor(options: FakeEngineOptions) {
    this.options = options;
    this.numSlots = options.numSlots;
    this.maxContext = options.maxContext;
    this.vocabSize = options.vocabSize ?? 64;
    this.rows = Array.from({ length: options.numSlots }, () => []);
  }

  async step(plan: StepPlan): Promise<Float32Array> {
    this.options.onStep?.(plan);
    if (this.options.stepMs) await new Promise((resolve) => setTimeout(resolve, this.options.stepMs));
    const logits: number[] = [];
    plan.decode.forEach(({ slot, token, position, adapter }, index) => {
      invariant(slot === index, 'decode rows are contiguous');
      this.write(slot, position, this.cells([token], adapter));
      logits.push(...this.logitsAfter(slot, position + 1));
    });
    const { chunk } = plan;
    if (chunk !== null) {
      invariant(
        chunk.slot >= plan.decode.length && chunk.tokens.length > 0,
        'a chunk is behind the decode rows',
      );
      this.write(chunk.slot, chunk.start, this.cells(chunk.tokens, chunk.adapter));
      const end = chunk.start + chunk.tokens.length;
      const first = chunk.logits === 'all' ? chunk.start + 1 : chunk.logits === 'last' ? end : end + 1;
      for (let length = first; length <= end; length++) logits.push(...this.logitsAfter(chunk.slot, length));
    }
    return Float32Array.from(logits);
  }

  copySlot(from: number, to: number, length: number): void {
    this.rows[to] = this.rows[from]!.slice(0, length);
  }

  readBlock(slot: number, start: number, count: number): CacheBlock {
    const data = Float32Array.from(this.rows[slot]!.slice(start, start + count));
    invariant(data.length === count, 'only computed rows are kept');
    return { count, bytes: data.byteLength, data };
  }

  writeBlock(slot: number, start: number, block: CacheBlock): void {
    this.write(slot, start, [...block.data]);
  }

  stageAdapter(id: string): () => boolean {
    return () => {
      this.adapters.add(id);
      return true;
    };
  }

  shareCpu(): void {}

  dropAdapter(id: string): void {
    this.adapters.delete(id);
  }

  async close(): Promise<void> {}

  private cells(tokens: readonly number[], adapter: string | null): number[] {
    invariant(adapter === null || this.adapters.has(adapter), 'an adapter is loaded while it is used');
    return tokens.map((token) => cellOf(token, adapter));
  }

  private write(slot: number, start: number, tokens: readonly number[]): void {
    const rows = this.rows[slot]!;
    invariant(start <= rows.length && start + tokens.length <= this.maxContext, 'rows are written in order');
    rows.length = start;
    rows.push(...tokens);
  }

  private logitsAfter(slot: number, length: number): number[] {
    const logits = Array.from({ length: this.vocabSize }, () => 0);
    logits[hashOf(this.rows[slot]!.slice(0, length), this.vocabSize)] = 10;
    return logits;
  }
}
