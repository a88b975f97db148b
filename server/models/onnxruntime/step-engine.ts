/**
 * The StepEngine on onnxruntime's CPU provider, over the graph of core/arch/serving-graph.ts.
 * Owns the session and the slots' cache. Runs in the engine host only: a step blocks its event loop.
 */
import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { DecoderConfig } from '../../../core/arch/config.ts';
import { cacheName } from '../../../core/arch/serving-graph.ts';
import { invariant } from '../../../core/invariant.ts';
import { int32, int64 } from '../../../core/runtime/integers.ts';
import { openSession } from '../../../core/runtime/open-session.ts';
import type { CacheBlock, StepEngine, StepPlan } from '../../batching/engine.ts';
import { readDescription } from './read-description.ts';
import { SlotCache } from './slot-cache.ts';

export interface StepEngineOptions {
  /** A verified version folder. */
  readonly folder: string;
  readonly numSlots: number;
  /** Tokens per slot; no more than the model was made for are used. */
  readonly maxContext: number;
  readonly threads: number;
  /** Rows of logits that one step can return beyond one per slot. */
  readonly maxLogitRows: number;
}

export async function createStepEngine(options: StepEngineOptions): Promise<StepEngine> {
  const { config } = await readDescription(options.folder);
  invariant(config.kind === 'decoder', 'a step engine runs a decoder');
  const session = await openSession(join(options.folder, 'serving.onnx'), options);
  const engine = new OrtStepEngine(session, config, options);
  await engine.warmUp();
  return engine;
}

class OrtStepEngine implements StepEngine {
  readonly numSlots: number;
  readonly maxContext: number;
  readonly vocabSize: number;
  readonly maxLogitRows: number;
  private readonly session: InferenceSession;
  private readonly numLayers: number;
  private readonly cache: SlotCache;
  private readonly logits: Float32Array;

  constructor(session: InferenceSession, config: DecoderConfig, options: StepEngineOptions) {
    this.session = session;
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
    const scratch = { token: 0, position: 0, slot: this.numSlots };
    const rows = decode.length === 0 ? [scratch] : decode;
    const part = chunk ?? { slot: this.numSlots + 1, start: 0, tokens: [0], logits: 'none' as const };
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
    await this.run(feeds, caches, Math.max(1, wanted.length));
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

  async close(): Promise<void> {
    await this.session.release();
  }

  /** First runs are slow (threads start, buffers are allocated), and they prove that steps write in place. */
  async warmUp(): Promise<void> {
    const tokens = Array.from({ length: Math.min(16, this.maxContext) }, () => 0);
    await this.step({ decode: [], chunk: { slot: 0, start: 0, tokens, logits: 'last' } });
    await this.step({ decode: [{ slot: 0, token: 0, position: 0 }], chunk: null });
    const written = this.cache.readBlock(0, 0, 1).data.some((value) => value !== 0);
    invariant(written, 'the runtime writes new keys and values into the given buffers');
  }

  private async run(
    feeds: Record<string, Tensor>,
    caches: Record<'decode' | 'chunk', readonly Tensor[]>,
    numLogitRows: number,
  ): Promise<void> {
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
    await runInPlace(this.session, feeds, fetches);
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
