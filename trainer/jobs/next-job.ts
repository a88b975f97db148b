/** Which job is done next, and how one ends that is not run at all. */
import type { Ending, JobError, JobRequest } from '../../core/jobs/job.ts';
import type { JobStore } from '../../core/jobs/job-store.ts';
import { JobReport } from './job-report.ts';

const systemNow = (): Date => new Date();

/**
 * The oldest one that waits or was interrupted; null when there is none. Those that were cancelled before their turn
 * end here.
 */
export async function nextJob(store: JobStore, now: () => Date = systemNow): Promise<JobRequest | null> {
  for (const { request, isCancelled } of await store.pending()) {
    if (!isCancelled) return request;
    await end(store, request.id, 'cancelled', null, now);
  }
  return null;
}

/** Ends a job that cannot even begin, such as one of a model that is not there. */
export function failJob(
  store: JobStore,
  id: string,
  error: JobError,
  now: () => Date = systemNow,
): Promise<void> {
  return end(store, id, 'failed', error, now);
}

async function end(
  store: JobStore,
  id: string,
  ending: Ending,
  error: JobError | null,
  now: () => Date,
): Promise<void> {
  const report = await JobReport.open(store, id, now);
  try {
    await report.end(ending, { error });
  } finally {
    await report.close();
  }
}
