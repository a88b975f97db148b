/**
 * One fine-tuning job from its files to a published adapter. Killed at any time, it goes on from the state that was
 * saved last and repeats what came after it with the same losses.
 */
import { fineTunedName } from '../../core/jobs/fine-tuned-name.ts';
import { type Ending, isEnding } from '../../core/jobs/job.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { publish } from '../publish/publish.ts';
import type { Parameters } from '../train/gradient-session.ts';
import { type JobExample, readExamples } from './job-examples.ts';
import { JobFailure, jobErrorOf } from './job-failure.ts';
import { type JobOptions, jobDefaults } from './job-options.ts';
import { JobReport } from './job-report.ts';
import type { JobContext, JobRun } from './job-run.ts';
import { chosen, StepPlan } from './step-plan.ts';
import { trainJob } from './train-job.ts';
import { validationLoss } from './validation.ts';

/** Thrown by whatever calls `pace`. */
class Interrupted extends Error {}

/** Resolves with how the job has ended. Throws what `pace` throws, and what the disk says when it takes no progress. */
export async function runJob(run: JobRun): Promise<Ending> {
  const { store, job, options = jobDefaults, now = () => new Date() } = run;
  const report = await JobReport.open(store, job.id, now);
  const pace = (): Promise<void> =>
    run.pace().catch((cause: unknown) => {
      throw new Interrupted('training was interrupted', { cause });
    });
  try {
    const { status } = report.progress;
    return isEnding(status) ? status : await attempt({ ...run, options, now, report, pace });
  } catch (error) {
    if (error instanceof Interrupted) throw error.cause;
    await report.end('failed', { error: jobErrorOf(error) });
    return 'failed';
  } finally {
    await report.close();
  }
}

interface Files {
  readonly training: readonly JobExample[];
  readonly validation: readonly JobExample[] | null;
}

async function attempt(context: JobContext): Promise<Ending> {
  const { job, model, report, options } = context;
  if (job.model !== model.name) {
    const message = `"${job.model}" is not trained here; "${model.name}" is.`;
    throw new JobFailure('model_not_trainable', message, 'model');
  }
  const files = await readFiles(context);
  const numExamples = files.training.length;
  const hyperparameters = chosen(job.hyperparameters, numExamples);
  const plan = new StepPlan({ ...hyperparameters, numExamples, seed: job.seed });
  refuseLong(plan.numSteps, options);
  await report.update({ status: 'running', hyperparameters, numSteps: plan.numSteps });
  const values = await trainJob(context, { examples: files.training, plan, hyperparameters });
  return values === null ? cancelled(context) : finish(context, files, values);
}

/** What was learned is measured, published and told. */
async function finish(context: JobContext, files: Files, values: Parameters): Promise<Ending> {
  const { job, model, report, store, options, pace } = context;
  const { numEpochs, beta } = report.progress.hyperparameters!;
  const loss =
    files.validation === null
      ? null
      : await validationLoss(model, values, files.validation, { ...options, beta, pace });
  if (loss !== null) await report.validation(loss);
  if (await store.isCancelled(job.id)) return cancelled(context);
  const manifest = await publishResult(context, values);
  await context.onPublished(manifest);
  const fineTunedModel = fineTunedName({ ...job, adapter: manifest.id });
  await report.say(`New fine-tuned model created: ${fineTunedModel}`);
  await report.end('succeeded', {
    adapter: manifest.id,
    fineTunedModel,
    trainedTokens: numEpochs * files.training.reduce((sum, { numTokens }) => sum + numTokens, 0),
    metrics: { trainLoss: report.lastLoss!, validationLoss: loss },
  });
  return 'succeeded';
}

async function cancelled({ report }: JobContext): Promise<Ending> {
  await report.end('cancelled');
  return 'cancelled';
}

async function readFiles(context: JobContext): Promise<Files> {
  const { job, report, layout, options } = context;
  const { maxTokens } = options;
  /** A job that goes on has said all this before. */
  const isNew = report.progress.status === 'validating_files';
  if (isNew) await report.update({});
  const read = async (id: string, param: 'training_file' | 'validation_file') => {
    if (isNew) await report.say(`Validating ${param.replace('_', ' ')}: ${id}`);
    const source = { ...context, folder: layout.files, maxTokens };
    const { examples, numTooLong } = await readExamples(source, id, param);
    if (isNew && numTooLong > 0) {
      const what = `${numTooLong} example(s) of ${id} are left out`;
      await report.say(`${what}: they have texts of more than ${maxTokens} tokens`, 'warn');
    }
    return examples;
  };
  const training = await read(job.trainingFile, 'training_file');
  const { validationFile } = job;
  return {
    training,
    validation: validationFile === null ? null : await read(validationFile, 'validation_file'),
  };
}

function refuseLong(numSteps: number, { maxSteps }: JobOptions): void {
  if (numSteps <= maxSteps) return;
  const message = `The job would take ${numSteps} steps, at most ${maxSteps}. Take fewer epochs or larger batches.`;
  throw new JobFailure('too_many_steps', message, 'hyperparameters');
}

function publishResult(
  { model, layout, job, report, now }: JobContext,
  values: Parameters,
): Promise<AdapterManifest> {
  const { id, method, seed, trainingFile } = job;
  const recipe = { kind: 'job', job: id, method, seed, trainingFile, ...report.progress.hyperparameters! };
  const lineage = { tenant: job.tenant, parent: null, rows: [], recipe, gate: null };
  return publish({ model, values, folder: layout.adapters, lineage, now: now() });
}
