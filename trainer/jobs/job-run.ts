/** What a job is run with. */
import type { JobRequest } from '../../core/jobs/job.ts';
import type { JobStore } from '../../core/jobs/job-store.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import type { TrainableModel } from '../model/trainable-model.ts';
import type { JobOptions } from './job-options.ts';
import type { JobReport } from './job-report.ts';

export interface JobRun {
  readonly model: TrainableModel;
  readonly store: JobStore;
  readonly job: JobRequest;
  readonly layout: Pick<LearningLayout, 'files' | 'adapters'>;
  /**
   * Resolves when training may go on; called before each run of the graph. What it throws ends this call and not the
   * job, which goes on from the state that was saved last.
   */
  readonly pace: () => Promise<void>;
  /** The adapter is on disk. Called again when the trainer is killed just after. */
  readonly onPublished: (manifest: AdapterManifest) => Promise<void> | void;
  readonly options?: JobOptions;
  readonly now?: () => Date;
}

/** What the parts of a run share. */
export interface JobContext extends JobRun {
  readonly options: JobOptions;
  readonly now: () => Date;
  readonly report: JobReport;
}
