/**
 * The two interfaces around the batcher.
 * StepEngine is what the step loop drives, inside the engine host: tensors in, logits out, no text.
 * InferenceEngine is what the gateway drives: sequences in, tokens out, over a process border.
 */
import type { SequenceEvent, SequenceSpec } from './request.ts';

/** One decoding sequence's row: `token` is fed at `position`, i.e. the slot already holds `position` rows. */
export interface DecodeRow {
  readonly slot: number;
  readonly token: number;
  readonly position: number;
  /** Id of a loaded adapter; null is the base alone. */
  readonly adapter: string | null;
}

/** A part of one prompt. The slot already holds `start` rows; the tokens take positions start, start+1, … */
export interface PrefillChunk {
  readonly slot: number;
  readonly start: number;
  readonly tokens: readonly number[];
  /** Which rows' logits are wanted: none before the prompt's last chunk, all for prompt logprobs. */
  readonly logits: 'none' | 'last' | 'all';
  readonly adapter: string | null;
}

/**
 * One forward pass. Decode rows are in slots 0, 1, … n-1, in order; the chunk's slot is ≥ n.
 * (Attention reads the cache of the decode rows as one contiguous block.)
 */
export interface StepPlan {
  readonly decode: readonly DecodeRow[];
  readonly chunk: PrefillChunk | null;
}

/** A copy of the cache rows of `count` consecutive tokens, for all layers. Opaque to all but its engine. */
export interface CacheBlock {
  readonly count: number;
  readonly bytes: number;
  readonly data: Float32Array;
}

export interface StepEngine {
  readonly numSlots: number;
  /** Tokens a slot can hold. */
  readonly maxContext: number;
  readonly vocabSize: number;
  /** Upper limit of a chunk with logits 'all', in tokens. */
  readonly maxLogitRows: number;
  /** Bytes of cache that one token takes. */
  readonly bytesPerToken: number;
  /**
   * Runs the plan. Returns the logits, row-major [rows, vocabSize]: decode rows in order, then the chunk's
   * wanted rows. The array belongs to the engine and is overwritten by the next step.
   */
  step(plan: StepPlan): Promise<Float32Array>;
  /** Copies the first `length` rows of slot `from` over slot `to`. */
  copySlot(from: number, to: number, length: number): void;
  /**
   * Begins to load an adapter from the bytes of its served form. Call the result, between steps, until it says that the
   * adapter is complete, which it may not be before a promise has settled; each call takes a fraction of a millisecond. Throws what
   * is wrong with the bytes, and NoAdapterRoomError; a call throws what keeps the engine from using it.
   */
  stageAdapter(id: string, bytes: Uint8Array): () => boolean;
  /** Frees the room of an adapter that no sequence uses any more. Unknown ids are ignored. */
  dropAdapter(id: string): void;
  /** Whether steps leave a part of the CPU to somebody else, from the next one on. */
  shareCpu(isShared: boolean): void;
  /** Into `reuse`, the data of a block of equal size that is no longer needed, where there is one. */
  readBlock(slot: number, start: number, count: number, reuse?: Float32Array): CacheBlock;
  writeBlock(slot: number, start: number, block: CacheBlock): void;
  close(): Promise<void>;
}

/** An adapter found no gap among those that are loaded. Another one may leave: what is wrong is not the adapter. */
export class NoAdapterRoomError extends Error {}

/** An adapter's served form on disk; see core/adapter/served.ts. */
export interface AdapterSource {
  readonly id: string;
  readonly path: string;
  /** Lower-case hex; the file is refused when it is another one. */
  readonly sha256: string;
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'stopped';

/** What the gateway knows of an engine, refreshed by each message from the host. */
export interface EngineStats {
  readonly numRunning: number;
  readonly numWaiting: number;
  readonly numSlots: number;
  readonly cacheTokens: number;
  readonly cacheTokensMax: number;
  readonly prefixLookupTokens: number;
  readonly prefixHitTokens: number;
  readonly prefixBytes: number;
  readonly steps: number;
  readonly lastStepMs: number;
  readonly predictedStepMs: number;
  /** Of the last step: tokens that it computed, and sequences that they belong to. */
  readonly batchTokens: number;
  readonly batchSequences: number;
  readonly preemptions: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly restarts: number;
  /** Smoothed throughput, for wait estimates; 0 until measured. */
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** What is known of one step once it is over. */
export type StepRecord = Pick<
  EngineStats,
  'lastStepMs' | 'predictedStepMs' | 'batchTokens' | 'batchSequences'
>;

/** Of an engine that has not said anything yet. */
export const noStats: EngineStats = {
  numRunning: 0,
  numWaiting: 0,
  numSlots: 0,
  cacheTokens: 0,
  cacheTokensMax: 0,
  prefixLookupTokens: 0,
  prefixHitTokens: 0,
  prefixBytes: 0,
  steps: 0,
  lastStepMs: 0,
  predictedStepMs: 0,
  batchTokens: 0,
  batchSequences: 0,
  preemptions: 0,
  promptTokens: 0,
  generatedTokens: 0,
  restarts: 0,
  prefillTokensPerSecond: 0,
  decodeTokensPerSecond: 0,
};

export interface InferenceEngine {
  /** Id of the model version served, "sha256:…" shortened for humans by the caller. */
  readonly version: string;
  readonly maxContext: number;
  readonly vocabSize: number;
  state(): EngineState;
  stats(): EngineStats;
  /**
   * Starts a sequence. Events arrive in order and end with exactly one 'end'. Never throws for a busy engine:
   * an engine that cannot take it emits 'end' with reason 'error'.
   */
  submit(spec: SequenceSpec, onEvent: (event: SequenceEvent) => void): void;
  /** Frees the sequence's slot within one step; emits 'end' with reason 'cancelled'. Unknown ids are ignored. */
  cancel(id: string): void;
  /**
   * Makes the adapter usable by later sequences, without a pause for running ones. Throws
   * NoAdapterRoomError, engine_internal, engine_unavailable.
   */
  loadAdapter(adapter: AdapterSource): Promise<void>;
  /** Sequences that use the adapter end first; new ones are refused at once. */
  dropAdapter(id: string): void;
  /** Whether steps leave a part of the CPU to a trainer, until it is said otherwise. */
  shareCpu(isShared: boolean): void;
  close(): Promise<void>;
}

/** One-shot models. Vectors come back in the order of the inputs. `embed` throws what the batcher and the host throw. */
export interface EmbeddingEngine {
  readonly version: string;
  readonly dimensions: number;
  readonly maxContext: number;
  state(): EngineState;
  embed(inputs: readonly (readonly number[])[], options: { signal?: AbortSignal }): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** Tokens of which those from index `from` on are scored, each given all before it; `from` is 1 or more. */
export interface ScoringInput {
  readonly tokens: readonly number[];
  readonly from: number;
}

export interface Score {
  /** Natural logarithm of each scored token's probability. */
  readonly logprobs: Float32Array;
  /** Whether each scored token was the likeliest one. */
  readonly isGreedy: boolean;
}

/** Log-likelihoods of given texts. Scores come back in the order of the inputs. `score` throws as `embed` does. */
export interface ScoringEngine {
  /** Tokens of one input, scored or not. */
  readonly maxContext: number;
  score(inputs: readonly ScoringInput[], options: { signal?: AbortSignal }): Promise<Score[]>;
  close(): Promise<void>;
}
