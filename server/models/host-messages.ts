/** What the gateway and its hosts say to each other. Structured clones over the child's IPC channel. */
import type { EngineStats } from '../batching/engine.ts';
import type { SequenceEvent, SequenceSpec } from '../batching/request.ts';
import type { StepLoopLimits } from '../batching/step-loop.ts';

export interface HostOptions {
  /** A verified version folder, or 'fake' for an engine without a model. */
  readonly folder: string;
  readonly threads: number;
  readonly numSlots: number;
  readonly maxContext: number;
  readonly limits: StepLoopLimits;
}

export type ToHost =
  | { readonly kind: 'load'; readonly options: HostOptions }
  | { readonly kind: 'submit'; readonly spec: SequenceSpec }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'close' };

export type HostStats = Omit<EngineStats, 'restarts'>;

export type FromHost =
  | { readonly kind: 'ready'; readonly maxContext: number; readonly vocabSize: number }
  /** All events of one step, in order. */
  | { readonly kind: 'events'; readonly events: readonly SequenceEvent[]; readonly stats: HostStats }
  | { readonly kind: 'failed'; readonly message: string };

export type ToEncoderHost =
  | { readonly kind: 'load'; readonly options: { readonly folder: string; readonly threads: number } }
  | { readonly kind: 'encode'; readonly id: number; readonly inputs: readonly (readonly number[])[] }
  | { readonly kind: 'close' };

export type FromEncoderHost =
  | { readonly kind: 'ready'; readonly dimensions: number; readonly maxContext: number }
  /** Vectors in the order of the inputs, or why there are none. */
  | { readonly kind: 'vectors'; readonly id: number; readonly vectors: readonly Float32Array[] }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** File descriptor of the pipe on which the host's pulse thread writes a byte each `pulseMs`. */
export const pulseFd = 4;
export const pulseMs = 100;
