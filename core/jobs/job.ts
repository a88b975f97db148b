/**
 * A fine-tuning job as server and trainer share it. What was asked for is the server's word and never changes; how far
 * it is, is the trainer's. Neither writes the other's part.
 */

/** "auto" leaves the number to the trainer. */
export type Auto = 'auto';

export interface Hyperparameters<Unset = Auto> {
  readonly numEpochs: number | Unset;
  /** Examples of a step. */
  readonly batchSize: number | Unset;
  /** Times the trainer's own learning rate. */
  readonly rateMultiplier: number | Unset;
  /** Of DPO; a supervised job does not use it. */
  readonly beta: number | Unset;
}

export const methods = ['supervised', 'dpo'] as const;
export type Method = (typeof methods)[number];

/** What was asked for. */
export interface JobRequest {
  readonly id: string;
  readonly tenant: string;
  /** Milliseconds since 1970; no two jobs have the same. */
  readonly createdMs: number;
  /** Name of the base. */
  readonly model: string;
  readonly trainingFile: string;
  readonly validationFile: string | null;
  /** Empty without one. */
  readonly suffix: string;
  readonly seed: number;
  readonly method: Method;
  readonly hyperparameters: Hyperparameters;
  /** The client's own notes. */
  readonly metadata: Readonly<Record<string, string>> | null;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  /** Field of the request at fault. */
  readonly param: string | null;
}

/** What a finished training is measured by. */
export interface JobMetrics {
  /** Loss of the last step. */
  readonly trainLoss: number;
  /** Mean over the validation file; null without one. */
  readonly validationLoss: number | null;
}

export const endings = ['succeeded', 'failed', 'cancelled'] as const;
export type Ending = (typeof endings)[number];

/** How far it is. */
export interface JobProgress {
  readonly status: 'validating_files' | 'running' | Ending;
  /** As they were chosen; null until the files were looked at. */
  readonly hyperparameters: Hyperparameters<never> | null;
  readonly numSteps: number | null;
  /** Steps that a restart need not repeat. */
  readonly numDone: number;
  readonly estimatedEndMs: number | null;
  /** Tokens that were trained on, each as often as it was. */
  readonly trainedTokens: number | null;
  readonly endedMs: number | null;
  /** Id of the adapter version, and the name it is asked for by. */
  readonly adapter: string | null;
  readonly fineTunedModel: string | null;
  readonly metrics: JobMetrics | null;
  readonly error: JobError | null;
}

export const newProgress: JobProgress = {
  status: 'validating_files',
  hyperparameters: null,
  numSteps: null,
  numDone: 0,
  estimatedEndMs: null,
  trainedTokens: null,
  endedMs: null,
  adapter: null,
  fineTunedModel: null,
  metrics: null,
  error: null,
};

/** Something that happened to a job; a line of its log. */
export interface JobEvent {
  readonly id: string;
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly type: 'message' | 'metrics';
  readonly message: string;
  readonly data: Readonly<Record<string, number | string>> | null;
}

/** A job as it stands on disk. */
export interface Job {
  readonly request: JobRequest;
  /** Null before the trainer has taken it. */
  readonly progress: JobProgress | null;
  readonly isCancelled: boolean;
}

export type JobStatus = JobProgress['status'] | 'queued';

/** A cancellation was promised to the client: it holds even when the trainer had finished in the same moment. */
export function statusOf({ progress, isCancelled }: Job): JobStatus {
  if (isCancelled) return 'cancelled';
  return progress?.status ?? 'queued';
}

export const isEnding = (status: JobStatus): status is Ending => endings.some((ending) => ending === status);
