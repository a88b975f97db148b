/**
 * The StepEngine on onnxruntime's CPU provider, over the graph of core/arch/serving-graph.ts.
 * Owns the session and the slots' cache. Runs in the engine host only: a step blocks its event loop.
 */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { decodeServed } from '../../../core/adapter/served.ts';
import type { DecoderConfig } from '../../../core/arch/config.ts';
import type { LayerLinear } from '../../../core/arch/decoder.ts';
import { cacheName } from '../../../core/arch/serving-graph.ts';
import { invariant } from '../../../core/invariant.ts';
import { int32, int64 } from '../../../core/runtime/integers.ts';
import type { CacheBlock, StepEngine, StepPlan } from '../../batching/engine.ts';
import { AdapterBank } from './adapter-bank.ts';
import { readDescription } from './read-description.ts';
import { ServingSessions } from './serving-sessions.ts';
import { SlotCache } from './slot-cache.ts';

export interface StepEngineOptions {
  /** A verified version folder. */
  readonly folder: string;
  readonly numSlots: number;
  /** Tokens per slot; no more than the model was made for are used. */
  readonly maxContext: number;
  readonly threads: number;
  /** Threads that steps without a part of a prompt take while the CPU is shared with a trainer; null: it never is. */
  readonly sharedThreads: number | null;
  /** Rows of logits that one step can return beyond one per slot. */
  readonly maxLogitRows: number;
  /** Sum of the ranks of the adapters that may be loaded at once; 0 loads none, and saves the memory for them. */
  readonly maxAdapterRows: number;
  /**
   * That adapters are expected to change, the gate linears unless it is said; the first one that changes others holds up steps for
   * about a second, while a larger graph is opened.
   */
  readonly adapterLinears?: readonly LayerLinear[];
}

export async function createStepEngine(options: StepEngineOptions): Promise<StepEngine> {
  const { config } = await readDescription(options.folder);
  invariant(config.kind === 'decoder', 'a step engine runs a decoder');
  const sessions = new ServingSessions(options);
  await sessions.cover(noLinears);
  if (options.maxAdapterRows > 0) await sessions.cover(new Set(options.adapterLinears ?? ['gate']));
  const engine = new OrtStepEngine(sessions, config, options);
  await engine.warmUp();
  return engine;
}

const noLinears: ReadonlySet<LayerLinear> = new Set();

interface RunInput {
  readonly feeds: Record<string, Tensor>;
  readonly caches: Readonly<Record<'decode' | 'chunk', readonly Tensor[]>>;
  readonly numLogitRows: number;
}

class OrtStepEngine implements StepEngine {
  readonly numSlots: number;
  readonly maxContext: number;
  readonly vocabSize: number;
  readonly maxLogitRows: number;
  private readonly sessions: ServingSessions;
  private isShared = false;
  private readonly takesAdapters: boolean;
  private readonly config: DecoderConfig;
  private readonly bank: AdapterBank;
  private readonly numLayers: number;
  private readonly cache: SlotCache;
  private readonly logits: Float32Array;

  constructor(sessions: ServingSessions, config: DecoderConfig, options: StepEngineOptions) {
    this.sessions = sessions;
    this.takesAdapters = options.maxAdapterRows > 0;
    this.config = config;
    this.bank = new AdapterBank(config, options.maxAdapterRows);
    this.numSlots = options.numSlots;
    this.maxContext = Math.min(options.maxContext, config.maxContext);
    this.vocabSize = config.vocabSize;
    this.maxLogitRows = options.maxLogitRows;
    this.numLayers = config.numLayers;
    // GroupQueryAttention cannot take an empty batch: two scratch slots stand in for absent decode rows and chunk.
    this.cache = new SlotCache(config, options.numSlots + 2, this.maxContext);
    this.logits = new Float32Array((options.numSlots + options.maxLogitRows) * config.vocabSize);
  }

  get bytesPerToken(): number {
    return this.cache.bytesPerToken;
  }

  async step(plan: StepPlan): Promise<Float32Array> {
    const { decode, chunk } = plan;
    const scratch = { token: 0, position: 0, slot: this.numSlots, adapter: null };
    const rows = decode.length === 0 ? [scratch] : decode;
    const absent = { slot: this.numSlots + 1, start: 0, tokens: [0], logits: 'none' as const, adapter: null };
    const part = chunk ?? absent;
    const wanted = wantedRows(decode.length, rows.length, part.tokens.length, part.logits);
    const feeds: Record<string, Tensor> = {
      input_ids: int64(
        [...rows.map(({ token }) => token), ...part.tokens],
        [1, rows.length + part.tokens.length],
      ),
      split: int64([rows.length, part.tokens.length], [2]),
      rows: int64(wanted.length === 0 ? [0] : wanted, [Math.max(1, wanted.length)]),
      decode_lengths: int32(rows.map(({ position }) => position)),
      decode_total: int32([1 + rows.reduce((most, { position }) => Math.max(most, position), 0)]),
      chunk_lengths: int32([part.start + part.tokens.length - 1]),
      chunk_total: int32([part.start + part.tokens.length]),
    };
    const caches = {
      decode: this.cache.view(rows[0]!.slot, rows.length),
      chunk: this.cache.view(part.slot, 1),
    };
    const adapters = [...rows.map(({ adapter }) => adapter), ...part.tokens.map(() => part.adapter)];
    const window = this.bank.windowOf(adapters);
    // A part of a prompt is what makes a step long, and is seldom: it takes all threads, so that no stream waits the longer.
    const { graph, session } = this.sessions.for(window.changed, this.isShared && chunk === null);
    Object.assign(feeds, this.bank.feeds(adapters, window, graph.adapted));
    await this.run(session, { feeds, caches, numLogitRows: Math.max(1, wanted.length) });
    return this.logits.subarray(0, wanted.length * this.vocabSize);
  }

  copySlot(from: number, to: number, length: number): void {
    this.cache.copySlot(from, to, length);
  }

  readBlock(slot: number, start: number, count: number, reuse?: Float32Array): CacheBlock {
    return this.cache.readBlock(slot, start, count, reuse);
  }

  writeBlock(slot: number, start: number, block: CacheBlock): void {
    this.cache.writeBlock(slot, start, block);
  }

  stageAdapter(id: string, bytes: Uint8Array): () => boolean {
    const refuse = (reason: string): never => {
      throw new Error(`the adapter ${id} cannot be used: ${reason}`);
    };
    if (!this.takesAdapters) return refuse('this engine was started without room for adapters');
    const copy = this.bank.stage(id, decodeServed(bytes, this.config, refuse));
    const { changed } = this.bank.windowOf([id]);
    let failure: unknown = null;
    this.sessions.cover(changed).catch((error: unknown) => {
      this.bank.drop(id);
      failure = error;
    });
    return () => {
      if (failure !== null) throw failure;
      return copy() && this.sessions.covers(changed);
    };
  }

  dropAdapter(id: string): void {
    this.bank.drop(id);
  }

  shareCpu(isShared: boolean): void {
    this.isShared = isShared;
  }

  close(): Promise<void> {
    return this.sessions.release();
  }

  /** First runs are slow (threads start, buffers are allocated), and they prove that steps write in place. */
  async warmUp(): Promise<void> {
    const tokens = Array.from({ length: Math.min(16, this.maxContext) }, () => 0);
    this.shareCpu(true);
    await this.step({ decode: [{ slot: 0, token: 0, position: 0, adapter: null }], chunk: null });
    this.shareCpu(false);
    await this.step({ decode: [], chunk: { slot: 0, start: 0, tokens, logits: 'last', adapter: null } });
    await this.step({ decode: [{ slot: 0, token: 0, position: 0, adapter: null }], chunk: null });
    const written = this.cache.readBlock(0, 0, 1).data.some((value) => value !== 0);
    invariant(written, 'the runtime writes new keys and values into the given buffers');
  }

  private async run(session: InferenceSession, { feeds, caches, numLogitRows }: RunInput): Promise<void> {
    const logits = this.logits.subarray(0, numLogitRows * this.vocabSize);
    const fetches: Record<string, Tensor | null> = {
      complete: null,
      logits: new Tensor('float32', logits, [numLogitRows, this.vocabSize]),
    };
    for (const group of ['decode', 'chunk'] as const) {
      for (let layer = 0; layer < this.numLayers; layer++) {
        for (const [index, part] of (['k', 'v'] as const).entries()) {
          const name = cacheName(group, part, layer);
          const tensor = caches[group][2 * layer + index]!;
          feeds[name] = tensor;
          fetches[`${name}_out`] = tensor;
        }
      }
    }
    await runInPlace(session, feeds, fetches);
  }
}

/**
 * Runs with outputs in the caller's buffers, without the copies that the binding makes of every fetched output
 * once the run is over (see docs/adr/0002): its conversion stops at the first output, a sequence, which it
 * refuses. By then the run is complete. Should a later binding convert sequences, only the copies come back.
 */
async function runInPlace(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  fetches: Record<string, Tensor | null>,
): Promise<void> {
  try {
    await session.run(feeds, fetches as InferenceSession.FetchesType);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('Non tensor type'))) throw error;
  }
}

/** Flat indices of the rows whose logits are wanted; a stand-in decode row is in the way but never wanted. */
function wantedRows(
  numDecode: number,
  numRows: number,
  numChunk: number,
  logits: 'none' | 'last' | 'all',
): number[] {
  const wanted = Array.from({ length: numDecode }, (_, row) => row);
  if (logits === 'last') wanted.push(numRows + numChunk - 1);
  if (logits === 'all') for (let i = 0; i < numChunk; i++) wanted.push(numRows + i);
  return wanted;
}
