/** What the gateway needs to know of a model it serves. The wiring provides it; nothing here knows processes. */
import type { ChatTemplate, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { EmbeddingEngine, InferenceEngine, ScoringEngine } from '../batching/engine.ts';
import type { PromptEncoder } from './prompt-encoder.ts';

interface Served {
  /** The name that requests use. */
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Id of the model version, stable over restarts. */
  readonly version: string;
  /** Whole digest of the base version, "sha256:…". */
  readonly digest: string;
  readonly tokenizer: Tokenizer;
  /** For texts of any length. */
  readonly encoder: PromptEncoder;
}

export interface ServedGenerator extends Served {
  readonly kind: 'generator';
  /** Null: the model completes text but does not chat. */
  readonly template: ChatTemplate | null;
  readonly eosTokenIds: readonly number[];
  readonly engine: InferenceEngine;
  /** Null: the model scores no given texts. */
  readonly scorer: ScoringEngine | null;
}

export interface ServedEncoder extends Served {
  readonly kind: 'encoder';
  readonly engine: EmbeddingEngine;
}

export type ServedModel = ServedGenerator | ServedEncoder;

export interface ModelCatalogue {
  /** Looks an id up in memory; never touches the file system. */
  get(id: string): ServedModel | undefined;
  list(): readonly ServedModel[];
}
