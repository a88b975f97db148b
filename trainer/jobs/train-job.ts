/** The steps of a job, from where it was to the last one. */
import type { Hyperparameters } from '../../core/jobs/job.ts';
import type { GradientSession, Parameters } from '../train/gradient-session.ts';
import { initialLora } from '../train/init.ts';
import { loadState, saveState } from '../train/state-file.ts';
import { type TrainOptions, TrainRun } from '../train/train-run.ts';
import type { JobExample } from './job-examples.ts';
import { JobLessons } from './job-lessons.ts';
import type { JobContext } from './job-run.ts';
import type { StepPlan } from './step-plan.ts';

export interface Course {
  readonly examples: readonly JobExample[];
  readonly plan: StepPlan;
  readonly hyperparameters: Hyperparameters<never>;
}

/** What was learned; null when the job was cancelled. */
export async function trainJob(context: JobContext, course: Course): Promise<Parameters | null> {
  const { report, store, job } = context;
  const { examples, plan, hyperparameters } = course;
  const run = await openRun(context, course);
  const lessons = new JobLessons(context.model, context.options, hyperparameters.beta);
  const { numSteps } = plan;
  const timing = { startMs: context.now().getTime(), startStep: run.numDone };
  while (run.numDone < numSteps) {
    if (await store.isCancelled(job.id)) return null;
    await context.pace();
    const batch = plan.batch(run.numDone).map((index) => examples[index]!);
    await report.step(await run.step(await lessons.of(batch)), numSteps);
    if (run.numDone % context.options.saveEverySteps !== 0 && run.numDone < numSteps) continue;
    await saveState(store.statePath(job.id), run.state);
    const estimatedEndMs = estimatedEnd(timing, context.now().getTime(), run.numDone, numSteps);
    await report.update({ numDone: run.numDone, estimatedEndMs });
  }
  return run.result;
}

async function openRun(context: JobContext, { plan, hyperparameters }: Course): Promise<TrainRun> {
  const { model, options, job, report } = context;
  const trainOptions: TrainOptions = {
    numSteps: plan.numSteps,
    learningRate: options.learningRates[job.method] * hyperparameters.rateMultiplier,
    schedule: options.schedule,
    optimizer: options.optimizer,
    emaDecay: 0,
    temperature: 1,
  };
  const state = await loadState(context.store.statePath(job.id));
  const start = state ?? { values: initialLora(model.base.config, model.shape, job.seed) };
  const run = new TrainRun(paced(context), trainOptions, start);
  const words =
    state === null ? 'Fine-tuning job started' : `Fine-tuning job goes on after step ${run.numDone}`;
  await report.say(words);
  return run;
}

/** A step of many micro-batches lets others in between them. */
function paced({ model: { gradients }, pace }: JobContext): GradientSession {
  return {
    parameters: gradients.parameters,
    firstLayer: gradients.firstLayer,
    async step(values, lessons, temperature) {
      await pace();
      return gradients.step(values, lessons, temperature);
    },
    close: () => gradients.close(),
  };
}

function estimatedEnd(
  start: { readonly startMs: number; readonly startStep: number },
  nowMs: number,
  numDone: number,
  numSteps: number,
): number | null {
  if (numDone === start.startStep) return null;
  const perStep = (nowMs - start.startMs) / (numDone - start.startStep);
  return Math.round(nowMs + perStep * (numSteps - numDone));
}
