/** What the gateway and its hosts say to each other. Structured clones over the child's IPC channel. */
import type { LayerLinear } from '../../core/arch/decoder.ts';
import type { AdapterSource, EngineStats } from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';
import type { StepLoopLimits } from '../batching/step-loop.ts';

export interface HostOptions {
  /** A verified version folder, or 'fake' for an engine without a model. */
  readonly folder: string;
  readonly threads: number;
  /** Threads while the CPU is shared with a trainer; null: it never is. */
  readonly sharedThreads: number | null;
  readonly numSlots: number;
  readonly maxContext: number;
  /** Sum of the ranks of the adapters that may be loaded at once. */
  readonly maxAdapterRows: number;
  /** That adapters mostly change; see StepEngineOptions. */
  readonly adapterLinears?: readonly LayerLinear[];
  readonly limits: StepLoopLimits;
}

export type ToHost =
  | {
      readonly kind: 'load';
      readonly options: HostOptions;
      readonly adapters: readonly AdapterSource[];
      readonly isShared: boolean;
    }
  | { readonly kind: 'submit'; readonly spec: SequenceSpec }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'load-adapter'; readonly adapter: AdapterSource }
  | { readonly kind: 'drop-adapter'; readonly id: string }
  | { readonly kind: 'share-cpu'; readonly isShared: boolean }
  | { readonly kind: 'close' };

export type HostStats = Omit<EngineStats, 'restarts'>;

export interface AdapterProblem {
  readonly message: string;
  /** The adapter is sound, and there is no room for it. */
  readonly isRoomless: boolean;
}

export type FromHost =
  | { readonly kind: 'ready'; readonly maxContext: number; readonly vocabSize: number }
  /** All events of one step, in order; a step may have none. */
  | { readonly kind: 'events'; readonly events: readonly SequenceEvent[]; readonly stats: HostStats }
  /** An adapter can be used from now on, or why not. */
  | { readonly kind: 'adapter'; readonly id: string; readonly problem: AdapterProblem | null }
  | { readonly kind: 'failed'; readonly message: string };

/** What a batch host does with a batch: texts to vectors, or texts to log-likelihoods. */
export type BatchTask = 'encode' | 'score';

export interface BatchHostOptions {
  readonly task: BatchTask;
  /** A verified version folder. */
  readonly folder: string;
  readonly threads: number;
}

export type ToBatchHost<Input> =
  | { readonly kind: 'load'; readonly options: BatchHostOptions }
  | { readonly kind: 'run'; readonly id: number; readonly inputs: readonly Input[] }
  | { readonly kind: 'close' };

export type FromBatchHost =
  /** `resultSize` is the length of a result, where all are equally long. */
  | { readonly kind: 'ready'; readonly resultSize: number | null; readonly maxContext: number }
  /** In the order of the inputs, or why there are none. */
  | { readonly kind: 'results'; readonly id: number; readonly results: readonly Float32Array[] }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** File descriptor of the pipe on which the host's pulse thread writes a byte each `pulseMs`. */
export const pulseFd = 4;
export const pulseMs = 100;
