/** A validated body or query of fine-tuning becomes what jobs are asked for; what contradicts itself is refused. */
import { randomInt } from 'node:crypto';
import type { Hyperparameters } from '../../../core/jobs/job.ts';
import type { JobOrder } from '../../jobs/jobs.ts';
import type { PageAsk } from '../../jobs/page.ts';
import type { JobBody, PageQuery } from './job-schemas.ts';
import { refuse } from './parse.ts';

/** Throws invalid_argument. */
export function parseJob(body: JobBody): JobOrder {
  const { method } = body;
  if (method !== undefined && body.hyperparameters !== undefined) {
    refuse('"hyperparameters" belong into "method"; give them once.', 'hyperparameters');
  }
  const type = method?.type ?? 'supervised';
  const other = type === 'dpo' ? 'supervised' : 'dpo';
  if (method?.[other] !== undefined) {
    refuse(`the method is "${type}" and has no "${other}".`, `method.${other}`);
  }
  const given = body.hyperparameters ?? method?.[type]?.hyperparameters ?? {};
  return {
    model: body.model,
    trainingFile: body.training_file,
    validationFile: body.validation_file ?? null,
    suffix: body.suffix ?? '',
    seed: body.seed ?? randomInt(2 ** 31),
    method: type,
    hyperparameters: hyperparametersOf(given),
    metadata: body.metadata ?? null,
  };
}

type Given = NonNullable<NonNullable<NonNullable<JobBody['method']>['dpo']>['hyperparameters']>;

const hyperparametersOf = (given: Given): Hyperparameters => ({
  numEpochs: given.n_epochs ?? 'auto',
  batchSize: given.batch_size ?? 'auto',
  rateMultiplier: given.learning_rate_multiplier ?? 'auto',
  beta: given.beta ?? 'auto',
});

/** Throws invalid_argument for a limit out of 1 … `most`. */
export function parsePage({ limit, after }: PageQuery, usual: number, most: number): PageAsk {
  const number = limit === undefined ? usual : Number(limit);
  if (number < 1 || number > most) refuse(`"limit" is 1 to ${most}.`, 'limit');
  return { limit: number, after: after ?? null };
}
