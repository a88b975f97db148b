/** Files, jobs, events and checkpoints as OpenAI's objects; fields of ours are marked. */
import { type Hyperparameters, isEnding, type Job, type JobEvent, statusOf } from '../../../core/jobs/job.ts';
import type { StoredFile } from '../../jobs/file-shelf.ts';
import type { Page } from '../../jobs/page.ts';

const seconds = (ms: number): number => Math.floor(ms / 1000);

export function fileObject(file: StoredFile) {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: seconds(file.createdMs),
    filename: file.filename,
    purpose: 'fine-tune',
    status: 'processed',
    // Ours: rows to learn from, and what was taken out of them before they were stored.
    num_rows: file.numRows,
    redactions: file.redactions,
  };
}

export function jobObject(job: Job) {
  const { request, progress } = job;
  const status = statusOf(job);
  const numbers = hyperparametersObject(progress?.hyperparameters ?? request.hyperparameters);
  const { beta, ...supervised } = numbers;
  const hyperparameters = request.method === 'dpo' ? numbers : supervised;
  const isDone = status === 'succeeded';
  return {
    id: request.id,
    object: 'fine_tuning.job',
    created_at: seconds(request.createdMs),
    model: request.model,
    organization_id: request.tenant,
    status,
    training_file: request.trainingFile,
    validation_file: request.validationFile,
    seed: request.seed,
    user_provided_suffix: request.suffix === '' ? null : request.suffix,
    method: { type: request.method, [request.method]: { hyperparameters } },
    hyperparameters,
    fine_tuned_model: isDone ? progress!.fineTunedModel : null,
    finished_at: isEnding(status) ? secondsOrNull(progress?.endedMs) : null,
    estimated_finish: status === 'running' ? secondsOrNull(progress?.estimatedEndMs) : null,
    trained_tokens: isDone ? progress!.trainedTokens : null,
    result_files: [],
    integrations: [],
    metadata: request.metadata,
    error: status === 'failed' ? progress!.error : null,
  };
}

export function eventObject(event: JobEvent) {
  return {
    id: event.id,
    object: 'fine_tuning.job.event',
    created_at: seconds(event.atMs),
    level: event.level,
    type: event.type,
    message: event.message,
    data: event.data ?? {},
  };
}

/** The one of the end. Earlier ones are kept to go on from, not to be served. */
export function checkpointObjects(job: Job) {
  const { progress, request } = job;
  if (statusOf(job) !== 'succeeded' || progress?.metrics == null) return [];
  const { trainLoss, validationLoss } = progress.metrics;
  const step = progress.numDone;
  return [
    {
      id: `ftckpt-${request.id.slice('ftjob-'.length)}`,
      object: 'fine_tuning.job.checkpoint',
      created_at: seconds(progress.endedMs!),
      fine_tuned_model_checkpoint: progress.fineTunedModel,
      fine_tuning_job_id: request.id,
      step_number: step,
      metrics: {
        step,
        train_loss: trainLoss,
        ...(validationLoss === null ? {} : { valid_loss: validationLoss, full_valid_loss: validationLoss }),
      },
    },
  ];
}

export function listObject<T extends { readonly id: string }, U>(
  { items, hasMore }: Page<T>,
  format: (item: T) => U,
) {
  return {
    object: 'list',
    data: items.map(format),
    first_id: items[0]?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

const secondsOrNull = (ms: number | null | undefined): number | null => (ms == null ? null : seconds(ms));

const hyperparametersObject = (numbers: Hyperparameters | Hyperparameters<never>) => ({
  n_epochs: numbers.numEpochs,
  batch_size: numbers.batchSize,
  learning_rate_multiplier: numbers.rateMultiplier,
  beta: numbers.beta,
});
