/** What is said between whoever consolidates and the process that does the work; plain values only. */
import type { ErrorCode, ErrorDetails } from '../../core/errors.ts';
import type { ImportProgress } from '../../core/import/import.ts';
import type { Gate } from '../../core/registry/gate-record.ts';
import type { Example } from '../examples/example.ts';
import type { BaseGateOptions } from './base-gate.ts';

export interface Job {
  readonly modelsDir: string;
  readonly model: string;
  /** Adapter versions to merge, in this order. */
  readonly adapters: readonly string[];
  /** Folder of adapter versions. */
  readonly adapterFolder: string;
  /** An existing folder of the job's own. */
  readonly scratch: string;
  readonly examples: readonly Example[];
  readonly threads: number;
  readonly gate: BaseGateOptions;
  /** Milliseconds since 1970: when the version was made. */
  readonly nowMs: number;
}

export interface Built {
  /** "sha256:…"; null where the gate let nothing through. */
  readonly version: string | null;
  /** Where it lies. */
  readonly folder: string | null;
  readonly gate: Gate;
}

export type ToProcess = { readonly kind: 'build'; readonly job: Job; readonly niceness: number };

export type FromProcess =
  | { readonly kind: 'progress'; readonly progress: ImportProgress }
  | { readonly kind: 'built'; readonly built: Built }
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** Null: a failure that is not in the catalogue. */
      readonly coded: { readonly code: ErrorCode; readonly details: ErrorDetails } | null;
    };
